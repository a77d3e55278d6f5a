package io.parley.persistence;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Reads values below one path and says of a bad one which key it is and what is allowed.
 *
 * @param config the subtree
 * @param path the subtree's path, for messages
 */
record SettingsReader(Config config, String path) {

  String text(String key) {
    return value(key, "a string", config::getString, any -> true);
  }

  String text(String key, String allowed, Predicate<String> valid) {
    return value(key, allowed, config::getString, valid);
  }

  String oneOf(String key, List<String> allowed) {
    return value(key, "one of " + String.join(", ", allowed), config::getString, allowed::contains);
  }

  boolean flag(String key) {
    return value(key, "on or off", config::getBoolean, any -> true);
  }

  int between(String key, int min, int max) {
    return value(
        key, "a number from " + min + " to " + max, config::getInt, n -> n >= min && n <= max);
  }

  long bytes(String key, long min) {
    return value(
        key, "a size like 512 MiB, at least " + min + " bytes", config::getBytes, n -> n >= min);
  }

  Duration duration(String key, Duration min, Duration max) {
    return value(
        key,
        "a duration from " + min.toMillis() + "ms to " + max.toSeconds() + "s",
        config::getDuration,
        d -> d.compareTo(min) >= 0 && d.compareTo(max) <= 0);
  }

  List<String> list(String key, String allowed, Predicate<String> valid) {
    return value(
        key,
        "a list of " + allowed,
        k -> List.copyOf(config.getStringList(k)),
        all -> all.stream().allMatch(valid));
  }

  SettingsReader below(String key) {
    return new SettingsReader(config.getConfig(key), path + "." + key);
  }

  /** The exception for a value that is bad together with others. */
  IllegalArgumentException bad(String key, String allowed) {
    return new IllegalArgumentException(path + "." + key + " must be " + allowed);
  }

  private <T> T value(String key, String allowed, Function<String, T> read, Predicate<T> valid) {
    T value;
    try {
      value = read.apply(key);
    } catch (ConfigException e) {
      throw new IllegalArgumentException(path + "." + key + " must be " + allowed, e);
    }
    if (!valid.test(value)) {
      throw new IllegalArgumentException(
          path + "." + key + " must be " + allowed + ", not " + value);
    }
    return value;
  }
}
