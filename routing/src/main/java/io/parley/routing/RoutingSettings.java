package io.parley.routing;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.time.Duration;
import java.util.function.Function;

/**
 * {@code parley.routing} of the configuration; the keys are explained in {@code reference.conf}.
 *
 * @param queueCapacity works that wait for one model
 * @param modelsMax models that have a queue at once
 * @param bulkPatience how much later an interactive work may come and still go before a bulk one
 * @param prefetch works in a stream's buffer on the worker's side
 * @param sweepInterval how often deadlines are looked at
 * @param recentAttempts attempts remembered after they were handed out
 * @param describeInterval how often a new worker is asked what it serves until it answers
 */
public record RoutingSettings(
    int queueCapacity,
    int modelsMax,
    Duration bulkPatience,
    int prefetch,
    Duration sweepInterval,
    Duration retryAfterMin,
    Duration retryAfterMax,
    int recentAttempts,
    Duration describeInterval) {

  public RoutingSettings {
    requireBetween("queue-capacity", queueCapacity, 1, 100_000);
    requireBetween("models-max", modelsMax, 1, 10_000);
    requireBetween("prefetch", prefetch, 1, 64);
    requireBetween("recent-attempts", recentAttempts, 1, 1_000_000);
    requirePositive("sweep-interval", sweepInterval);
    requirePositive("retry-after-min", retryAfterMin);
    requirePositive("describe-interval", describeInterval);
    if (bulkPatience.isNegative()) {
      throw bad("bulk-patience", "a duration of at least 0", bulkPatience);
    }
    if (retryAfterMax.compareTo(retryAfterMin) < 0) {
      throw bad("retry-after-max", "a duration of at least retry-after-min", retryAfterMax);
    }
  }

  /**
   * Reads {@code parley.routing}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static RoutingSettings from(Config root) {
    Config config = root.getConfig("parley.routing");
    return new RoutingSettings(
        read("queue-capacity", "a whole number", config::getInt),
        read("models-max", "a whole number", config::getInt),
        read("bulk-patience", "a duration", config::getDuration),
        read("prefetch", "a whole number", config::getInt),
        read("sweep-interval", "a duration", config::getDuration),
        read("retry-after-min", "a duration", config::getDuration),
        read("retry-after-max", "a duration", config::getDuration),
        read("recent-attempts", "a whole number", config::getInt),
        read("describe-interval", "a duration", config::getDuration));
  }

  private static <T> T read(String key, String allowed, Function<String, T> getter) {
    try {
      return getter.apply(key);
    } catch (ConfigException e) {
      throw new IllegalArgumentException("parley.routing." + key + " must be " + allowed, e);
    }
  }

  private static void requireBetween(String key, int value, int min, int max) {
    if (value < min || value > max) {
      throw bad(key, "between " + min + " and " + max, value);
    }
  }

  private static void requirePositive(String key, Duration value) {
    if (value.isNegative() || value.isZero()) {
      throw bad(key, "a duration above 0", value);
    }
  }

  private static IllegalArgumentException bad(String key, String allowed, Object value) {
    return new IllegalArgumentException(
        "parley.routing." + key + " must be " + allowed + ", not " + value);
  }
}
