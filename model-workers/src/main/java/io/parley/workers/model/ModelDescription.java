package io.parley.workers.model;

import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufMetadata;
import io.parley.workers.gguf.TensorInfo;
import io.parley.workers.gguf.TensorType;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a model file says of its model.
 *
 * @param blocks layers
 * @param hiddenSize width of the residual stream
 * @param headSize numbers in a head's key and value
 * @param ropeDimensions of a head that are rotated
 * @param ropeScaling "none", "linear", "yarn", or "llama3" where the file brings frequency factors
 * @param tiedHead whether the output weights are the embedding's
 * @param quantisation tensors by type
 */
public record ModelDescription(
    String architecture,
    String title,
    String licence,
    int contextLength,
    int blocks,
    int hiddenSize,
    int feedForwardSize,
    int heads,
    int keyValueHeads,
    int headSize,
    int ropeDimensions,
    float ropeFrequencyBase,
    String ropeScaling,
    float normEpsilon,
    int vocabularySize,
    String tokenizer,
    boolean tiedHead,
    boolean hasChatTemplate,
    long parameters,
    Map<TensorType, Long> quantisation) {
  private static final String LLAMA = "llama";

  public ModelDescription {
    quantisation = Map.copyOf(quantisation);
  }

  /**
   * Reads and checks a model file's header.
   *
   * @throws ModelStoreException when the model is of a kind that cannot be run
   * @throws GgufException when the file is not sound
   */
  public static ModelDescription of(GgufFile file) {
    GgufMetadata metadata = file.metadata();
    String architecture = metadata.string("general.architecture");
    if (!architecture.equals(LLAMA)) {
      throw new ModelStoreException(
          "the architecture '" + architecture + "' is not supported; supported is llama");
    }
    if (metadata.integer("llama.expert_count", 0) > 0) {
      throw new ModelStoreException("mixtures of experts are not supported");
    }
    int heads = positive(metadata, "llama.attention.head_count", 0);
    int hidden = positive(metadata, "llama.embedding_length", 0);
    int headSize = positive(metadata, "llama.attention.key_length", Math.max(1, hidden / heads));
    int keyValueHeads = positive(metadata, "llama.attention.head_count_kv", heads);
    if (heads % keyValueHeads != 0) {
      throw new ModelStoreException(
          heads + " attention heads cannot share " + keyValueHeads + " key-value heads");
    }
    TensorInfo embedding = file.tensor("token_embd.weight");
    int vocabulary = metadata.strings("tokenizer.ggml.tokens").size();
    if (embedding.columns() != hidden || embedding.rows() != vocabulary) {
      throw new ModelStoreException(
          "the embedding is "
              + embedding.rows()
              + " x "
              + embedding.columns()
              + ", but the file speaks of "
              + vocabulary
              + " tokens and a width of "
              + hidden);
    }
    return new ModelDescription(
        architecture,
        metadata.string("general.name", ""),
        metadata.string("general.license", "unknown"),
        positive(metadata, "llama.context_length", 0),
        positive(metadata, "llama.block_count", 0),
        hidden,
        positive(metadata, "llama.feed_forward_length", 0),
        heads,
        keyValueHeads,
        headSize,
        positive(metadata, "llama.rope.dimension_count", headSize),
        metadata.number("llama.rope.freq_base", 10_000f),
        ropeScaling(file),
        metadata.number("llama.attention.layer_norm_rms_epsilon"),
        vocabulary,
        tokenizer(metadata),
        !file.hasTensor("output.weight"),
        metadata.has("tokenizer.chat_template"),
        file.tensors().values().stream().mapToLong(TensorInfo::elements).sum(),
        file.tensors().values().stream()
            .collect(Collectors.groupingBy(TensorInfo::type, TreeMap::new, Collectors.counting())));
  }

  private static String ropeScaling(GgufFile file) {
    return file.hasTensor("rope_freqs.weight")
        ? "llama3"
        : file.metadata().string("llama.rope.scaling.type", "none");
  }

  private static String tokenizer(GgufMetadata metadata) {
    String model = metadata.string("tokenizer.ggml.model");
    Optional<String> pre = metadata.optionalString("tokenizer.ggml.pre");
    return pre.map(p -> model + "/" + p).orElse(model);
  }

  private static int positive(GgufMetadata metadata, String key, int otherwise) {
    int value = otherwise > 0 ? metadata.integer(key, otherwise) : metadata.integer(key);
    if (value < 1) {
      throw new GgufException("metadata key '" + key + "' is not positive: " + value);
    }
    return value;
  }
}
