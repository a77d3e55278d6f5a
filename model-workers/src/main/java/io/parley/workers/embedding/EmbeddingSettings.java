package io.parley.workers.embedding;

import com.typesafe.config.Config;
import io.parley.routing.SettingsSection;
import java.time.Duration;

/**
 * {@code parley.embeddings} of the configuration; the keys are explained in {@code reference.conf}.
 *
 * @param batchTokens tokens of one forward pass
 * @param pullInterval how often a pull is repeated, in case that one was lost
 * @param iterationTimeout a batch that lasts longer means that the encoder is stalled
 * @param restartMin the first wait before a broken encoder is loaded again
 * @param restartMax the longest such wait
 */
public record EmbeddingSettings(
    int batchTokens,
    Duration pullInterval,
    Duration iterationTimeout,
    Duration restartMin,
    Duration restartMax) {
  private static final SettingsSection SECTION = new SettingsSection("parley.embeddings");

  public EmbeddingSettings {
    SECTION.requireBetween("batch-tokens", batchTokens, 1, 65_536);
    SECTION.requirePositive("pull-interval", pullInterval);
    SECTION.requirePositive("iteration-timeout", iterationTimeout);
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
        SECTION.duration(root, "pull-interval"),
        SECTION.duration(root, "iteration-timeout"),
        SECTION.duration(root, "restart-min"),
        SECTION.duration(root, "restart-max"));
  }
}
