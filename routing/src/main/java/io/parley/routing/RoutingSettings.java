package io.parley.routing;

import com.typesafe.config.Config;
import java.time.Duration;

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
  private static final SettingsSection SECTION = new SettingsSection("parley.routing");

  public RoutingSettings {
    SECTION.requireBetween("queue-capacity", queueCapacity, 1, 100_000);
    SECTION.requireBetween("models-max", modelsMax, 1, 10_000);
    SECTION.requireBetween("prefetch", prefetch, 1, 64);
    SECTION.requireBetween("recent-attempts", recentAttempts, 1, 1_000_000);
    SECTION.requirePositive("sweep-interval", sweepInterval);
    SECTION.requirePositive("retry-after-min", retryAfterMin);
    SECTION.requirePositive("describe-interval", describeInterval);
    SECTION.requireNotNegative("bulk-patience", bulkPatience);
    SECTION.requireAtLeast("retry-after-max", retryAfterMax, "retry-after-min", retryAfterMin);
  }

  /**
   * Reads {@code parley.routing}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static RoutingSettings from(Config root) {
    return new RoutingSettings(
        SECTION.integer(root, "queue-capacity"),
        SECTION.integer(root, "models-max"),
        SECTION.duration(root, "bulk-patience"),
        SECTION.integer(root, "prefetch"),
        SECTION.duration(root, "sweep-interval"),
        SECTION.duration(root, "retry-after-min"),
        SECTION.duration(root, "retry-after-max"),
        SECTION.integer(root, "recent-attempts"),
        SECTION.duration(root, "describe-interval"));
  }
}
