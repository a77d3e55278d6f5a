package io.parley.workers.encoder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.workers.engine.UnsupportedModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What an encoder's files say of its shape.
 *
 * @param layers transformer blocks
 * @param hidden width of the stream, and numbers in an embedding
 * @param feedForward inner width of the feed-forward part
 * @param positions rows of the position embedding
 * @param contextLength the most tokens of a text, with those that the tokenizer adds
 * @param normEpsilon added to the variance in each normalisation
 * @param unitLength whether embeddings are scaled to length 1
 */
public record EncoderConfig(
    int layers,
    int hidden,
    int heads,
    int feedForward,
    int vocabularySize,
    int positions,
    int tokenTypes,
    int contextLength,
    float normEpsilon,
    boolean unitLength) {
  private static final int SIZE_MAX = 1 << 24;
  private static final int LAYERS_MAX = 1024;
  private static final long JSON_BYTES_MAX = 1 << 20;

  /**
   * Reads the files beside the weights.
   *
   * @throws UnsupportedModelException when they are missing, malformed, or say what this engine
   *     does not do
   */
  public static EncoderConfig read(Path weights) {
    JsonNode config = json(weights, EncoderFiles.CONFIG);
    requireText(config, "model_type", "bert");
    requireText(config, "hidden_act", "gelu");
    requireText(config, "position_embedding_type", "absolute");
    boolean unitLength = readModules(weights);
    requireMean(json(weights, EncoderFiles.POOLING));
    int hidden = size(config, "hidden_size", SIZE_MAX);
    int heads = size(config, "num_attention_heads", SIZE_MAX);
    require(hidden % heads == 0, "the hidden size is not a multiple of the heads");
    int positions = size(config, "max_position_embeddings", SIZE_MAX);
    JsonNode sentences = json(weights, EncoderFiles.SENTENCES);
    int longest =
        sentences.hasNonNull("max_seq_length")
            ? size(sentences, "max_seq_length", SIZE_MAX)
            : positions;
    return new EncoderConfig(
        size(config, "num_hidden_layers", LAYERS_MAX),
        hidden,
        heads,
        size(config, "intermediate_size", SIZE_MAX),
        size(config, "vocab_size", SIZE_MAX),
        positions,
        size(config, "type_vocab_size", SIZE_MAX),
        Math.min(longest, positions),
        (float) config.path("layer_norm_eps").asDouble(1e-12),
        unitLength);
  }

  /** Width of a head. */
  public int headSize() {
    return hidden / heads;
  }

  private static boolean readModules(Path weights) {
    boolean unitLength = false;
    for (JsonNode module : json(weights, EncoderFiles.MODULES)) {
      String type = module.path("type").asText();
      switch (type.substring(type.lastIndexOf('.') + 1)) {
        case "Transformer" -> {}
        case "Pooling" ->
            require(
                module.path("path").asText().equals("1_Pooling"),
                "its pooling is not described in 1_Pooling");
        case "Normalize" -> unitLength = true;
        default ->
            throw new UnsupportedModelException("the module '" + type + "' is not supported");
      }
    }
    return unitLength;
  }

  private static void requireMean(JsonNode pooling) {
    pooling
        .properties()
        .forEach(
            mode -> {
              boolean mean = mode.getKey().equals("pooling_mode_mean_tokens");
              require(
                  !mode.getKey().startsWith("pooling_mode_") || mode.getValue().asBoolean() == mean,
                  "the pooling is not the mean of the tokens, which alone is supported");
            });
  }

  private static JsonNode json(Path weights, String name) {
    Path file = weights.resolveSibling(name);
    try {
      require(Files.isRegularFile(file), "the file " + name + " is not beside the weights");
      require(Files.size(file) <= JSON_BYTES_MAX, name + " is too large");
      JsonNode node = new ObjectMapper().readTree(Files.readAllBytes(file));
      require(node != null && node.isContainerNode(), name + " is not a JSON object or array");
      return node;
    } catch (IOException e) {
      throw new UnsupportedModelException(
          name
              + " cannot be read: "
              + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
    }
  }

  private static int size(JsonNode config, String key, int max) {
    JsonNode value = config.path(key);
    require(
        value.isInt() && value.intValue() >= 1 && value.intValue() <= max,
        "'" + key + "' is not a number from 1 to " + max);
    return value.intValue();
  }

  private static void requireText(JsonNode config, String key, String wanted) {
    String value = config.path(key).asText(wanted);
    require(value.equals(wanted), "'" + key + "' is " + value + "; " + wanted + " is supported");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new UnsupportedModelException(message);
    }
  }
}
