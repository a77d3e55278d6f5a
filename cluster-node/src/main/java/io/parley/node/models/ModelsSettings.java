package io.parley.node.models;

import com.typesafe.config.Config;
import io.parley.routing.SettingsSection;
import java.time.Duration;

/**
 * {@code parley.models}; the keys are explained in {@code reference.conf}.
 *
 * @param memoryHeadroomBytes kept free beside what is accounted for
 * @param drainTimeout how long running answers of an unloaded model may go on
 * @param warmUpLimit how long the first steps of a model may take; 0: none are run
 */
public record ModelsSettings(
    long memoryHeadroomBytes, Duration drainTimeout, Duration warmUpLimit) {
  private static final SettingsSection SECTION = new SettingsSection("parley.models");

  public ModelsSettings {
    SECTION.requireBetween("memory-headroom", memoryHeadroomBytes, 0, 1L << 50);
    SECTION.requireNotNegative("drain-timeout", drainTimeout);
    SECTION.requireNotNegative("warm-up-limit", warmUpLimit);
    SECTION.requireAtMost("warm-up-limit", warmUpLimit, "10 minutes", Duration.ofMinutes(10));
    SECTION.requireAtMost("drain-timeout", drainTimeout, "1 day", Duration.ofDays(1));
  }

  /**
   * Reads {@code parley.models}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static ModelsSettings from(Config root) {
    return new ModelsSettings(
        SECTION.bytes(root, "memory-headroom"),
        SECTION.duration(root, "drain-timeout"),
        SECTION.duration(root, "warm-up-limit"));
  }
}
