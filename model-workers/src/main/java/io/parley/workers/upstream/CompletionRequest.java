package io.parley.workers.upstream;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.SamplingParams;
import java.util.List;

/**
 * The body of a request. Every way of sampling is named, since servers' own defaults differ, and
 * each in the words of both vLLM and llama.cpp, which ignore what they do not know. Stop texts are
 * not among them: one may have begun before the request's first token.
 */
final class CompletionRequest {
  private CompletionRequest() {}

  /**
   * For the tokens after a prompt and an answer's beginning.
   *
   * @param model the server's name for it
   * @param maxTokens of those to come
   */
  static ObjectNode of(
      String model, int[] prompt, List<Integer> prefix, SamplingParams sampling, int maxTokens) {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.put("model", model);
    ArrayNode ids = body.putArray("prompt");
    for (int id : prompt) {
      ids.add(id);
    }
    prefix.forEach(ids::add);
    body.put("stream", true);
    body.put("max_tokens", maxTokens);
    body.put("temperature", sampling.temperature());
    body.put("top_p", sampling.topP());
    body.put("top_k", sampling.topK() == 0 ? -1 : sampling.topK());
    body.put("min_p", sampling.minP());
    body.put("presence_penalty", sampling.presencePenalty());
    body.put("frequency_penalty", sampling.frequencyPenalty());
    body.put("repetition_penalty", sampling.repetitionPenalty());
    body.put("repeat_penalty", sampling.repetitionPenalty());
    body.put("repeat_last_n", -1);
    body.put("seed", seed(sampling.seed(), prefix.size()));
    body.put("ignore_eos", sampling.ignoreEos());
    // with them come the ids; probabilities after sampling are the cheap ones of llama.cpp
    body.put("logprobs", Math.max(1, sampling.topLogProbs()));
    body.put("post_sampling_probs", !sampling.logProbs());
    body.put("return_token_ids", true);
    body.put("return_tokens_as_token_ids", true);
    return body;
  }

  /**
   * A server begins with its seed anew in each request: the same one behind an answer's beginning
   * would draw the same numbers again. Servers take 31 bits.
   */
  static int seed(long turnSeed, int position) {
    if (position == 0 && turnSeed >= 0 && turnSeed <= Integer.MAX_VALUE) {
      return (int) turnSeed;
    }
    long z = turnSeed + position * 0x9e3779b97f4a7c15L; // SplitMix64 (Steele, Lea, Flood 2014)
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return (int) ((z ^ (z >>> 31)) & Integer.MAX_VALUE);
  }
}
