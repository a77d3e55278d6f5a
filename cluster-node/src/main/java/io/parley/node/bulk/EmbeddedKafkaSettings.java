package io.parley.node.bulk;

import com.typesafe.config.Config;
import io.parley.routing.SettingsSection;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * {@code parley.bulk.embedded}; the keys are explained in this module's reference.conf.
 *
 * @param lib folder with the child's jars; empty: not known, so that nothing can be started
 */
public record EmbeddedKafkaSettings(
    Optional<Path> lib,
    long heapBytes,
    Duration startTimeout,
    Duration stopTimeout,
    int restartsMax,
    Duration restartDelayMin,
    Duration restartDelayMax) {

  /** System property with the folder of the child's jars, set by the launcher. */
  public static final String LIB_PROPERTY = "parley.kafka.lib";

  private static final SettingsSection SECTION = new SettingsSection("parley.bulk.embedded");

  public EmbeddedKafkaSettings {
    SECTION.requireBetween("heap", heapBytes, 64L << 20, 1L << 40);
    SECTION.requirePositive("start-timeout", startTimeout);
    SECTION.requirePositive("stop-timeout", stopTimeout);
    SECTION.requireBetween("restarts-max", restartsMax, 0, 1000);
    SECTION.requirePositive("restart-delay-min", restartDelayMin);
    SECTION.requireAtLeast(
        "restart-delay-max", restartDelayMax, "restart-delay-min", restartDelayMin);
  }

  static EmbeddedKafkaSettings from(Config root) {
    String lib = SECTION.text(root, "lib");
    return new EmbeddedKafkaSettings(
        Optional.of(lib.isBlank() ? System.getProperty(LIB_PROPERTY, "") : lib)
            .filter(folder -> !folder.isBlank())
            .map(Path::of),
        SECTION.bytes(root, "heap"),
        SECTION.duration(root, "start-timeout"),
        SECTION.duration(root, "stop-timeout"),
        SECTION.integer(root, "restarts-max"),
        SECTION.duration(root, "restart-delay-min"),
        SECTION.duration(root, "restart-delay-max"));
  }
}
