package io.parley.routing.protocol;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * How tokens are drawn and when the drawing ends.
 *
 * @param temperature 0 is greedy; the logits are divided by it
 * @param topP nucleus: the smallest set of tokens whose probability reaches it; 1 is off
 * @param topK the most likely k tokens; 0 is off
 * @param minP tokens at least this fraction of the likeliest one's probability; 0 is off
 * @param repetitionPenalty divides (or, below zero, multiplies) the logits of tokens seen in prompt
 *     or answer; 1 is off (Keskar et al. 2019, CTRL)
 * @param presencePenalty subtracted once from the logits of tokens in the answer
 * @param frequencyPenalty subtracted for each occurrence in the answer
 * @param seed with the position it gives the random number of a token, and nothing else does
 * @param stop strings that end the answer and are not part of it
 * @param maxTokens the most tokens of the answer, at least 1
 * @param ignoreEos go on past the model's end-of-generation tokens (for benchmarks)
 * @param logProbs whether each token carries its log-probability
 * @param topLogProbs how many alternatives come with it, 0 to 20
 * @param form the form that the answer must have, if any: tokens that would leave it are not drawn,
 *     and the answer ends with it, whatever {@code ignoreEos} says
 */
public record SamplingParams(
    double temperature,
    double topP,
    int topK,
    double minP,
    double repetitionPenalty,
    double presencePenalty,
    double frequencyPenalty,
    long seed,
    List<String> stop,
    int maxTokens,
    boolean ignoreEos,
    boolean logProbs,
    int topLogProbs,
    Optional<AnswerForm> form) {

  public SamplingParams {
    stop = List.copyOf(stop);
    form = Objects.requireNonNullElse(form, Optional.empty());
    if (maxTokens < 1) {
      throw new IllegalArgumentException("maxTokens is at least 1");
    }
  }

  /** For an answer of any form. */
  public SamplingParams(
      double temperature,
      double topP,
      int topK,
      double minP,
      double repetitionPenalty,
      double presencePenalty,
      double frequencyPenalty,
      long seed,
      List<String> stop,
      int maxTokens,
      boolean ignoreEos,
      boolean logProbs,
      int topLogProbs) {
    this(
        temperature,
        topP,
        topK,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        seed,
        stop,
        maxTokens,
        ignoreEos,
        logProbs,
        topLogProbs,
        Optional.empty());
  }

  /** The same for an answer of this form. */
  public SamplingParams withForm(Optional<AnswerForm> replacement) {
    return new SamplingParams(
        temperature,
        topP,
        topK,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        seed,
        stop,
        maxTokens,
        ignoreEos,
        logProbs,
        topLogProbs,
        replacement);
  }

  /** Greedy decoding of at most {@code maxTokens} tokens. */
  public static SamplingParams greedy(int maxTokens) {
    return new SamplingParams(0, 1, 0, 0, 1, 0, 0, 0, List.of(), maxTokens, false, false, 0);
  }
}
