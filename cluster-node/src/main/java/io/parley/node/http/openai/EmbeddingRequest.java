package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.http.Embeddings.Input;
import io.parley.node.http.JsonInput;
import io.parley.routing.protocol.ModelInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * The body of {@code POST /v1/embeddings}.
 *
 * @param base64 whether vectors are wanted as base64 of their bytes
 */
public record EmbeddingRequest(ModelInfo model, Input input, boolean base64) {
  private static final int INPUTS_MAX = 2048;

  /**
   * Reads and checks the body.
   *
   * @param models finds the model or refuses
   */
  public static EmbeddingRequest read(JsonInput in, Function<String, ModelInfo> models) {
    Input input = input(in.get("input").orElseThrow(() -> JsonInput.missing("input")));
    in.string("user");
    boolean base64 =
        in.oneOf("encoding_format", Set.of("float", "base64")).orElse("float").equals("base64");
    long dimensions = in.integer("dimensions", 1, Integer.MAX_VALUE).orElse(0L);
    ModelInfo model = models.apply(in.requiredString("model"));
    if (dimensions != 0 && dimensions != model.dimensions()) {
      throw JsonInput.invalid(
          "dimensions",
          "must be " + model.dimensions() + ": this model's embeddings cannot be shortened.");
    }
    return new EmbeddingRequest(model, input, base64);
  }

  private static Input input(JsonNode node) {
    if (node.isTextual()) {
      return new Input.Texts(List.of(text(node, "input")));
    }
    if (!node.isArray()) {
      throw wrongType("input");
    }
    if (node.isEmpty() || (node.size() > INPUTS_MAX && !node.get(0).isNumber())) {
      throw JsonInput.invalid("input", "must hold 1 to " + INPUTS_MAX + " texts.");
    }
    if (node.get(0).isNumber()) {
      return new Input.Tokens(List.of(tokens(node, "input")));
    }
    return node.get(0).isTextual() ? texts(node) : lists(node);
  }

  private static Input texts(JsonNode node) {
    List<String> texts = new ArrayList<>(node.size());
    for (int i = 0; i < node.size(); i++) {
      texts.add(text(node.get(i), "input[" + i + "]"));
    }
    return new Input.Texts(texts);
  }

  private static Input lists(JsonNode node) {
    List<int[]> lists = new ArrayList<>(node.size());
    for (int i = 0; i < node.size(); i++) {
      lists.add(tokens(node.get(i), "input[" + i + "]"));
    }
    return new Input.Tokens(lists);
  }

  private static String text(JsonNode node, String path) {
    if (!node.isTextual()) {
      throw JsonInput.wrongType(path, "a string, as the first one is");
    }
    if (node.textValue().isEmpty()) {
      throw JsonInput.invalid(path, "must not be empty.");
    }
    return node.textValue();
  }

  private static int[] tokens(JsonNode node, String path) {
    if (!node.isArray()) {
      throw wrongType(path);
    }
    if (node.isEmpty()) {
      throw JsonInput.invalid(path, "must not be empty.");
    }
    int[] tokens = new int[node.size()];
    for (int i = 0; i < tokens.length; i++) {
      JsonNode id = node.get(i);
      if (!id.isInt() || id.intValue() < 0) {
        throw JsonInput.wrongType(path + "[" + i + "]", "a token's id");
      }
      tokens[i] = id.intValue();
    }
    return tokens;
  }

  private static RuntimeException wrongType(String path) {
    return JsonInput.wrongType(
        path, "a string, an array of strings, an array of token ids, or an array of such arrays");
  }
}
