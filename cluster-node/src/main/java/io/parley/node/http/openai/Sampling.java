package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.JsonInput;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.SamplingParams;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Reads how tokens are drawn. */
final class Sampling {
  static final int TOP_LOGPROBS_MAX = 20;
  private static final int STOPS_MAX = 4;
  private static final int STOP_CHARS_MAX = 256;
  private static final int TOP_K_MAX = 1_000_000;
  // the smallest top_p of a client, 0, means the likeliest token alone
  private static final double TOP_P_MIN = 1e-9;

  private Sampling() {}

  /** Log-probabilities, where the two APIs ask in different ways. */
  record LogProbs(boolean wanted, int top) {
    static final LogProbs NONE = new LogProbs(false, 0);
  }

  /**
   * @param maxTokensFields names of the field that limits the answer, the preferred one first
   * @param seeds makes a seed where the request has none
   */
  static SamplingParams read(
      JsonInput in,
      ModelInfo model,
      List<String> maxTokensFields,
      LogProbs logProbs,
      LongSupplier seeds) {
    Optional<Long> seed = in.integer("seed", Long.MIN_VALUE, Long.MAX_VALUE);
    return new SamplingParams(
        in.number("temperature", 0, 2).orElse(1.0),
        Math.max(TOP_P_MIN, in.number("top_p", 0, 1).orElse(1.0)),
        in.integer("top_k", 0, TOP_K_MAX).orElse(0L).intValue(),
        in.number("min_p", 0, 1).orElse(0.0),
        in.number("repetition_penalty", 0.01, 10).orElse(1.0),
        in.number("presence_penalty", -2, 2).orElse(0.0),
        in.number("frequency_penalty", -2, 2).orElse(0.0),
        seed.orElseGet(seeds::getAsLong),
        stops(in),
        maxTokens(in, model, maxTokensFields),
        in.bool("ignore_eos").orElse(false),
        logProbs.wanted(),
        logProbs.top());
  }

  private static int maxTokens(JsonInput in, ModelInfo model, List<String> fields) {
    Integer limit = null;
    for (String field : fields) {
      Optional<Long> value = in.integer(field, 1, Integer.MAX_VALUE);
      if (value.isPresent() && value.get() > model.contextLength()) {
        throw JsonInput.invalid(
            in.at(field),
            "is more than the model's context of " + model.contextLength() + " tokens.");
      }
      if (limit == null && value.isPresent()) {
        limit = value.get().intValue();
      }
    }
    // without a limit the end of the context is the limit
    return limit == null ? model.contextLength() : limit;
  }

  private static List<String> stops(JsonInput in) {
    Optional<JsonNode> value = in.get("stop");
    if (value.isEmpty()) {
      return List.of();
    }
    if (value.get().isTextual()) {
      return List.of(stop(value.get(), in.at("stop")));
    }
    if (!value.get().isArray()) {
      throw JsonInput.wrongType(in.at("stop"), "a string or an array of strings");
    }
    List<JsonInput.Element> elements = in.array("stop").orElseThrow();
    if (elements.size() > STOPS_MAX) {
      throw JsonInput.invalid(in.at("stop"), "has at most " + STOPS_MAX + " strings.");
    }
    return elements.stream().map(element -> stop(element.value(), element.path())).toList();
  }

  private static String stop(JsonNode value, String path) {
    if (!value.isTextual()) {
      throw JsonInput.wrongType(path, "a string");
    }
    String text = value.textValue();
    if (text.isEmpty() || text.length() > STOP_CHARS_MAX) {
      throw JsonInput.invalid(path, "must have 1 to " + STOP_CHARS_MAX + " characters.");
    }
    return text;
  }

  /** {@code logprobs} and {@code top_logprobs} of chat completions. */
  static LogProbs chatLogProbs(JsonInput in) {
    boolean wanted = in.bool("logprobs").orElse(false);
    Optional<Long> top = in.integer("top_logprobs", 0, TOP_LOGPROBS_MAX);
    if (top.isPresent() && top.get() > 0 && !wanted) {
      throw ApiException.badField(
          in.at("top_logprobs"), "invalid_value", "'top_logprobs' needs 'logprobs': true.");
    }
    return new LogProbs(wanted, top.orElse(0L).intValue());
  }
}
