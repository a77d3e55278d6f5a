package io.parley.persistence;

import com.typesafe.config.Config;
import java.time.Duration;

/**
 * The subtree {@code parley.audit}; what each key means is said in this module's reference.conf.
 *
 * @param accessRetention how long it is known who audited what
 */
public record AuditSettings(CheckpointSettings checkpoint, Duration accessRetention) {
  private static final Duration DAY = Duration.ofDays(1);

  /**
   * Reads and checks the settings.
   *
   * @throws IllegalArgumentException naming the key that is wrong and what it allows
   */
  public static AuditSettings from(Config root) {
    SettingsReader in = new SettingsReader(root.getConfig("parley.audit"), "parley.audit");
    return new AuditSettings(
        CheckpointSettings.from(root),
        in.duration("access-retention", DAY, DAY.multipliedBy(7000))); // Cassandra takes 20 years
  }
}
