package io.parley.persistence.embedded;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The subtree {@code parley.journal.embedded}; what each key means is said in this module's
 * reference.conf.
 *
 * @param lib folder with the child's jars; empty: not known, so that nothing can be started
 * @param classArchives folder for archives of the child's classes
 */
public record EmbeddedSettings(
    Optional<Path> lib,
    Path classArchives,
    long heapBytes,
    int processors,
    String durability,
    Duration startTimeout,
    Duration stopTimeout,
    long freeSpaceMinBytes,
    int restartsMax,
    Duration restartDelayMin,
    Duration restartDelayMax) {

  /** System property with the folder of the child's jars, set by the launcher. */
  public static final String LIB_PROPERTY = "parley.cassandra.lib";

  private static final String PATH = "parley.journal.embedded.";
  private static final long MEBIBYTE = 1024L * 1024;

  public EmbeddedSettings {
    check(heapBytes >= 256 * MEBIBYTE, "heap", "at least 256 MiB");
    check(processors >= 1 && processors <= 64, "processors", "a number from 1 to 64");
    check(
        List.of("disk", "process", "periodic").contains(durability),
        "durability",
        "one of disk, process, periodic");
    check(isPositive(startTimeout), "start-timeout", "a duration of more than 0");
    check(isPositive(stopTimeout), "stop-timeout", "a duration of more than 0");
    check(freeSpaceMinBytes >= 0, "free-space-min", "a size of 0 or more");
    check(restartsMax >= 0 && restartsMax <= 1000, "restarts-max", "a number from 0 to 1000");
    check(isPositive(restartDelayMin), "restart-delay-min", "a duration of more than 0");
    check(
        restartDelayMax.compareTo(restartDelayMin) >= 0,
        "restart-delay-max",
        "at least restart-delay-min");
  }

  /**
   * Reads and checks the settings.
   *
   * @throws IllegalArgumentException naming the key that is wrong and what it allows
   */
  public static EmbeddedSettings from(Config root) {
    try {
      Config in = root.getConfig("parley.journal.embedded");
      String lib = in.getString("lib");
      return new EmbeddedSettings(
          Optional.of(lib.isBlank() ? System.getProperty(LIB_PROPERTY, "") : lib)
              .filter(folder -> !folder.isBlank())
              .map(Path::of),
          classArchives(in.getString("class-archives")),
          in.getBytes("heap"),
          in.getInt("processors"),
          in.getString("durability"),
          in.getDuration("start-timeout"),
          in.getDuration("stop-timeout"),
          in.getBytes("free-space-min"),
          in.getInt("restarts-max"),
          in.getDuration("restart-delay-min"),
          in.getDuration("restart-delay-max"));
    } catch (ConfigException e) {
      throw new IllegalArgumentException("bad value below " + PATH + " " + e.getMessage(), e);
    }
  }

  private static Path classArchives(String folder) {
    if (!folder.isBlank()) {
      return Path.of(folder);
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path cache =
        xdg == null || xdg.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(xdg);
    return cache.resolve("parley").resolve("class-archives");
  }

  private static boolean isPositive(Duration duration) {
    return !duration.isNegative() && !duration.isZero();
  }

  private static void check(boolean valid, String key, String allowed) {
    if (!valid) {
      throw new IllegalArgumentException(PATH + key + " must be " + allowed);
    }
  }
}
