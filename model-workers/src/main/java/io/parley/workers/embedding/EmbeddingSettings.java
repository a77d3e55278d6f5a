package io.parley.workers.embedding;

import com.typesafe.config.Config;
import io.parley.routing.SettingsSection;
import java.time.Duration;

/**
 * {@code parley.embeddings} of the configuration; the keys are explained in {@code reference.conf}.
 *
 * @param batchTokens tokens of one forward pass
 * @param queueBytes what requests may hold in a worker, waiting and running
 * @param retryAfterMin the least that a refused caller is told to wait
 * @param retryAfterMax the most
 * @param restartMin the first wait before a broken encoder is loaded again
 * @param restartMax the longest such wait
 */
public record EmbeddingSettings(
    int batchTokens,
    long queueBytes,
    Duration retryAfterMin,
    Duration retryAfterMax,
    Duration restartMin,
    Duration restartMax) {
  private static final SettingsSection SECTION = new SettingsSection("parley.embeddings");

  public EmbeddingSettings {
    SECTION.requireBetween("batch-tokens", batchTokens, 1, 65_536);
    SECTION.requireBetween("queue-memory", queueBytes, 1 << 20, 1L << 34);
    SECTION.requirePositive("retry-after-min", retryAfterMin);
    SECTION.requireAtLeast("retry-after-max", retryAfterMax, "retry-after-min", retryAfterMin);
    SECTION.requirePositive("restart-min", restartMin);
    SECTION.requireAtLeast("restart-max", restartMax, "restart-min", restartMin);
  }

  /**
   * Reads {@code parley.embeddings}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static EmbeddingSettings from(Config root) {
    return new EmbeddingSettings(
        SECTION.integer(root, "batch-tokens"),
        SECTION.bytes(root, "queue-memory"),
        SECTION.duration(root, "retry-after-min"),
        SECTION.duration(root, "retry-after-max"),
        SECTION.duration(root, "restart-min"),
        SECTION.duration(root, "restart-max"));
  }
}
