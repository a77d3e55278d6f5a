package io.parley.routing;

import com.typesafe.config.Config;

/**
 * {@code parley.routing.embeddings} of the configuration; the keys are explained in {@code
 * reference.conf}.
 *
 * @param queueBytes what requests for one model may hold, from their admission to their answer
 * @param routing what dispatchers of both kinds have in common
 */
public record EmbeddingQueueSettings(long queueBytes, RoutingSettings routing) {
  private static final SettingsSection SECTION = new SettingsSection("parley.routing.embeddings");

  public EmbeddingQueueSettings {
    SECTION.requireBetween("queue-memory", queueBytes, 1 << 20, 1L << 34);
  }

  /**
   * Reads {@code parley.routing.embeddings}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static EmbeddingQueueSettings from(Config root) {
    return new EmbeddingQueueSettings(
        SECTION.bytes(root, "queue-memory"), RoutingSettings.from(root));
  }
}
