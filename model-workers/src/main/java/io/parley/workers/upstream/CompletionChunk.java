package io.parley.workers.upstream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import io.parley.workers.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What one event of a completion says: tokens, and whether they are the last. Ids come in one of
 * three forms: {@code token_ids} (vLLM), {@code logprobs.content[].id} (llama.cpp), or {@code
 * logprobs.tokens[]} with {@code "token_id:5"} (older vLLM).
 *
 * @param finish the server's word for why it ended
 */
record CompletionChunk(List<Given> tokens, Optional<String> finish) {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ID_PREFIX = "token_id:";
  private static final int ALTERNATIVES_MAX = 20;

  /** A token, and how likely it was where the server says so. */
  record Given(int id, Optional<TokenLogProb> logProb) {}

  /**
   * Reads an event's data.
   *
   * @param logProbs whether log-probabilities are wanted
   * @throws UpstreamException when it is not what a completion gives, or an error
   */
  static CompletionChunk parse(String data, Tokenizer tokenizer, boolean logProbs) {
    JsonNode event;
    try {
      event = JSON.readTree(data);
    } catch (JsonProcessingException e) {
      throw new UpstreamException("the upstream's answer is not JSON"); // without what it is
    }
    if (event.hasNonNull("error")) {
      throw new UpstreamException("the upstream broke off" + kind(event.path("error")));
    }
    JsonNode choice = event.path("choices").path(0);
    Optional<String> finish =
        Optional.ofNullable(choice.path("finish_reason").textValue()).filter(s -> !s.isEmpty());
    List<Given> tokens = tokens(choice, tokenizer, logProbs);
    if (tokens.isEmpty() && !choice.path("text").asText().isEmpty()) {
      throw new UpstreamException("the upstream gives no token ids");
    }
    for (Given token : tokens) {
      if (token.id() < 0 || token.id() >= tokenizer.vocabularySize()) {
        throw new UpstreamException(
            "the upstream gave the token " + token.id() + ", which the vocabulary does not have");
      }
    }
    return new CompletionChunk(tokens, finish);
  }

  /** Its message may quote the prompt; its type and code do not. */
  private static String kind(JsonNode error) {
    String type = error.path("type").asText();
    String code = error.path("code").asText();
    return " (" + cut(type) + (code.isEmpty() ? "" : ", " + cut(code)) + ")";
  }

  private static String cut(String text) {
    return text.replaceAll("[^A-Za-z0-9_. -]", "").substring(0, Math.min(40, text.length()));
  }

  private static List<Given> tokens(JsonNode choice, Tokenizer tokenizer, boolean logProbs) {
    JsonNode given = choice.path("logprobs");
    List<Given> tokens = new ArrayList<>();
    if (given.path("content").isArray()) {
      for (JsonNode token : given.path("content")) {
        tokens.add(
            new Given(
                token.path("id").asInt(-1),
                logProbs ? Optional.of(logProb(token, tokenizer)) : Optional.empty()));
      }
      return complete(tokens, choice.path("text").asText(), tokenizer);
    }
    JsonNode named = given.path("tokens");
    JsonNode ids = choice.path("token_ids");
    for (int i = 0; i < (ids.isArray() ? ids.size() : named.size()); i++) {
      int id = ids.isArray() ? ids.path(i).asInt(-1) : id(named.path(i).asText());
      boolean known = logProbs && given.path("token_logprobs").path(i).isNumber();
      tokens.add(
          new Given(id, known ? Optional.of(logProb(given, i, id, tokenizer)) : Optional.empty()));
    }
    return tokens;
  }

  /**
   * llama.cpp says nothing of tokens that end within a character: the whole character comes with
   * the token that ends it, and with that one's id alone. Then the text says which they were.
   */
  private static List<Given> complete(List<Given> tokens, String text, Tokenizer tokenizer) {
    byte[] said = text.getBytes(StandardCharsets.UTF_8);
    int[] ids = tokens.stream().mapToInt(Given::id).toArray();
    if (said.length == 0
        || !allKnown(ids, tokenizer)
        || Arrays.equals(said, bytes(ids, tokenizer))) {
      return tokens;
    }
    int[] again = tokenizer.encode(text, false);
    if (!Arrays.equals(said, bytes(again, tokenizer))) {
      return tokens;
    }
    List<Given> whole = new ArrayList<>();
    for (int i = 0; i < again.length; i++) {
      boolean last = i == again.length - 1 && !tokens.isEmpty();
      whole.add(
          new Given(again[i], last ? tokens.get(tokens.size() - 1).logProb() : Optional.empty()));
    }
    return whole;
  }

  private static boolean allKnown(int[] ids, Tokenizer tokenizer) {
    return Arrays.stream(ids).allMatch(id -> id >= 0 && id < tokenizer.vocabularySize());
  }

  private static byte[] bytes(int[] ids, Tokenizer tokenizer) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      bytes.writeBytes(tokenizer.bytes(id));
    }
    return bytes.toByteArray();
  }

  private static int id(String named) {
    try {
      return named.startsWith(ID_PREFIX) ? Integer.parseInt(named.substring(9)) : -1;
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  private static TokenLogProb logProb(JsonNode token, Tokenizer tokenizer) {
    List<Alternative> alternatives = new ArrayList<>();
    for (JsonNode other : token.path("top_logprobs")) {
      add(alternatives, other.path("id").asInt(-1), other.path("logprob"), tokenizer);
    }
    return new TokenLogProb(
        (float) token.path("logprob").asDouble(),
        piece(token.path("id").asInt(-1), tokenizer),
        alternatives);
  }

  private static TokenLogProb logProb(JsonNode given, int i, int id, Tokenizer tokenizer) {
    List<Alternative> alternatives = new ArrayList<>();
    given
        .path("top_logprobs")
        .path(i)
        .fields()
        .forEachRemaining(
            (Map.Entry<String, JsonNode> other) ->
                add(alternatives, id(other.getKey()), other.getValue(), tokenizer));
    alternatives.sort((a, b) -> Float.compare(b.logProb(), a.logProb()));
    return new TokenLogProb(
        (float) given.path("token_logprobs").path(i).asDouble(),
        piece(id, tokenizer),
        alternatives);
  }

  private static void add(
      List<Alternative> alternatives, int id, JsonNode logProb, Tokenizer tokenizer) {
    if (id >= 0 && id < tokenizer.vocabularySize() && alternatives.size() < ALTERNATIVES_MAX) {
      alternatives.add(new Alternative(id, piece(id, tokenizer), (float) logProb.asDouble()));
    }
  }

  private static String piece(int id, Tokenizer tokenizer) {
    return id >= 0 && id < tokenizer.vocabularySize()
        ? new String(tokenizer.bytes(id), StandardCharsets.ISO_8859_1)
        : "";
  }
}
