package io.parley.node.bench;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/**
 * What to send.
 *
 * @param baseUrl up to and including {@code /v1}
 * @param users conversations at once
 * @param turns turns of each conversation; each sends the whole history, as stateless clients do
 * @param maxTokens tokens of each answer
 * @param ignoreEos whether answers go on to {@code maxTokens} (a field that Parley, vLLM and
 *     llama.cpp know); without it lengths, and so figures, depend on the model's mood
 * @param timeout of one turn
 */
public record LoadPlan(
    URI baseUrl,
    String model,
    Optional<String> apiKey,
    int users,
    int turns,
    int maxTokens,
    boolean ignoreEos,
    Duration timeout) {
  public LoadPlan {
    if (users < 1 || turns < 1 || maxTokens < 1) {
      throw new IllegalArgumentException("users, turns and tokens are at least 1");
    }
  }
}
