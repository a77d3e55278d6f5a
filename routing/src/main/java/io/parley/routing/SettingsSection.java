package io.parley.routing;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigObject;
import java.time.Duration;
import java.util.function.Function;

/**
 * The checks of one section of the configuration. Each failure is an {@link
 * IllegalArgumentException} that names the key and what it allows.
 *
 * @param path of the section, such as {@code parley.routing}
 */
public record SettingsSection(String path) {

  public Duration duration(Config root, String key) {
    return read(key, "a duration", root.getConfig(path)::getDuration);
  }

  public int integer(Config root, String key) {
    return read(key, "a whole number", root.getConfig(path)::getInt);
  }

  public long bytes(Config root, String key) {
    return read(key, "a size", root.getConfig(path)::getBytes);
  }

  public double number(Config root, String key) {
    return read(key, "a number", root.getConfig(path)::getDouble);
  }

  public boolean onOrOff(Config root, String key) {
    return read(key, "on or off", root.getConfig(path)::getBoolean);
  }

  public String text(Config root, String key) {
    return read(key, "a text", root.getConfig(path)::getString);
  }

  /** A section whose keys the user chooses. */
  public ConfigObject object(Config root, String key) {
    return read(key, "a section", root.getConfig(path)::getObject);
  }

  private <T> T read(String key, String allowed, Function<String, T> getter) {
    try {
      return getter.apply(key);
    } catch (ConfigException e) {
      throw new IllegalArgumentException(path + "." + key + " must be " + allowed, e);
    }
  }

  public void requireBetween(String key, long value, long min, long max) {
    if (value < min || value > max) {
      throw bad(key, "between " + min + " and " + max, value);
    }
  }

  /** As above, for fractions. */
  public void requireNumberBetween(String key, double value, double min, double max) {
    if (!(value >= min && value <= max)) {
      throw bad(key, "between " + min + " and " + max, value);
    }
  }

  public void requirePositive(String key, Duration value) {
    if (value.isNegative() || value.isZero()) {
      throw bad(key, "a duration above 0", value);
    }
  }

  public void requireNotNegative(String key, Duration value) {
    if (value.isNegative()) {
      throw bad(key, "a duration of at least 0", value);
    }
  }

  /** Refuses a value below that of another key. */
  public void requireAtLeast(String key, Duration value, String other, Duration least) {
    if (value.compareTo(least) < 0) {
      throw bad(key, "a duration of at least " + other, value);
    }
  }

  /** Refuses a value above what another key allows. */
  public void requireAtMost(String key, Duration value, String other, Duration most) {
    if (value.compareTo(most) > 0) {
      throw bad(key, "a duration of at most " + other, value);
    }
  }

  /** What to throw for a value that is not allowed. */
  public IllegalArgumentException bad(String key, String allowed, Object value) {
    return new IllegalArgumentException(
        path + "." + key + " must be " + allowed + ", not " + value);
  }
}
