package io.parley.node.http;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** {@code parley.http}; the keys are explained in this module's reference.conf. */
public record HttpSettings(
    String host,
    int port,
    boolean insecure,
    Optional<Path> apiKeysFile,
    int maxConnections,
    int maxConnectionsPerAddress,
    int maxRequestsPerAddress,
    int maxBodyBytes,
    Duration headTimeout,
    Duration bodyTimeout,
    Duration idleTimeout,
    Duration keepAlive,
    Duration admissionWait,
    Duration askTimeout,
    int askAttempts,
    Duration askBackoff,
    Duration askAgain,
    Duration embeddingTimeout,
    Duration reconnectLimit,
    Duration retryAfter,
    Duration streamGrace,
    Duration stopDeadline) {

  private static final String ROOT = "parley.http";

  /**
   * Reads {@code parley.http} out of a whole configuration.
   *
   * @throws IllegalArgumentException when a value is missing or not allowed; the message names the
   *     key
   */
  public static HttpSettings of(Config whole) {
    try {
      Config config = whole.getConfig(ROOT);
      String keysFile = config.getString("api-keys-file");
      return new HttpSettings(
          config.getString("host"),
          integer(config, "port", 0, 65535),
          config.getBoolean("insecure"),
          keysFile.isBlank() ? Optional.empty() : Optional.of(Path.of(keysFile)),
          integer(config, "max-connections", 1, 1_000_000),
          integer(config, "max-connections-per-address", 1, 1_000_000),
          integer(config, "max-requests-per-address", 1, 1_000_000),
          bytes(config, "max-body", 1024, 64 << 20),
          duration(config, "head-timeout", Duration.ofMillis(10), Duration.ofHours(1)),
          duration(config, "body-timeout", Duration.ofMillis(10), Duration.ofHours(1)),
          duration(config, "idle-timeout", Duration.ofSeconds(1), Duration.ofDays(1)),
          duration(config, "keep-alive", Duration.ofMillis(10), Duration.ofMinutes(5)),
          duration(config, "admission-wait", Duration.ZERO, Duration.ofMinutes(5)),
          duration(config, "ask-timeout", Duration.ofMillis(10), Duration.ofMinutes(5)),
          integer(config, "ask-attempts", 1, 20),
          duration(config, "ask-backoff", Duration.ofMillis(1), Duration.ofMinutes(1)),
          duration(config, "ask-again", Duration.ofMillis(10), Duration.ofMinutes(5)),
          duration(config, "embedding-timeout", Duration.ofMillis(10), Duration.ofMinutes(30)),
          duration(config, "reconnect-limit", Duration.ZERO, Duration.ofHours(24)),
          duration(config, "retry-after", Duration.ofSeconds(1), Duration.ofHours(1)),
          duration(config, "stream-grace", Duration.ZERO, Duration.ofHours(1)),
          duration(config, "stop-deadline", Duration.ofMillis(10), Duration.ofHours(1)));
    } catch (ConfigException e) {
      throw new IllegalArgumentException("bad configuration: " + e.getMessage(), e);
    }
  }

  private static int integer(Config config, String key, int min, int max) {
    long value = config.getLong(key);
    if (value < min || value > max) {
      throw outside(key, value, min, max);
    }
    return (int) value;
  }

  private static int bytes(Config config, String key, int min, int max) {
    long value = config.getBytes(key);
    if (value < min || value > max) {
      throw outside(key, value, min + " bytes", max + " bytes");
    }
    return (int) value;
  }

  private static Duration duration(Config config, String key, Duration min, Duration max) {
    Duration value = config.getDuration(key);
    if (value.compareTo(min) < 0 || value.compareTo(max) > 0) {
      throw outside(key, value.toMillis() + " ms", min.toMillis() + " ms", max.toMillis() + " ms");
    }
    return value;
  }

  private static IllegalArgumentException outside(
      String key, Object value, Object min, Object max) {
    return new IllegalArgumentException(
        ROOT + "." + key + " is " + value + " but must be from " + min + " to " + max);
  }
}
