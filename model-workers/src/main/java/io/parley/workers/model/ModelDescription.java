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
 * @param ropeScaling "none", "linear", or "llama3" where the file brings frequency factors
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
    ModelSupport.check(file);
    GgufMetadata metadata = file.metadata();
    String architecture = metadata.string("general.architecture");
    String prefix = architecture + ".";
    int heads = metadata.integer(prefix + "attention.head_count");
    int hidden = metadata.integer(prefix + "embedding_length");
    int headSize = metadata.integer(prefix + "attention.key_length", hidden / heads);
    int keyValueHeads = metadata.integer(prefix + "attention.head_count_kv", heads);
    return new ModelDescription(
        architecture,
        metadata.string("general.name", ""),
        metadata.string("general.license", "unknown"),
        metadata.integer(prefix + "context_length"),
        metadata.integer(prefix + "block_count"),
        hidden,
        metadata.integer(prefix + "feed_forward_length"),
        heads,
        keyValueHeads,
        headSize,
        metadata.integer(prefix + "rope.dimension_count", headSize),
        metadata.number(prefix + "rope.freq_base", 10_000f),
        ropeScaling(file, prefix),
        metadata.number(prefix + "attention.layer_norm_rms_epsilon"),
        metadata.strings("tokenizer.ggml.tokens").size(),
        tokenizer(metadata),
        !file.hasTensor("output.weight"),
        metadata.has("tokenizer.chat_template"),
        file.tensors().values().stream().mapToLong(TensorInfo::elements).sum(),
        file.tensors().values().stream()
            .collect(Collectors.groupingBy(TensorInfo::type, TreeMap::new, Collectors.counting())));
  }

  private static String ropeScaling(GgufFile file, String prefix) {
    return file.hasTensor("rope_freqs.weight")
        ? "llama3"
        : file.metadata().string(prefix + "rope.scaling.type", "none");
  }

  private static String tokenizer(GgufMetadata metadata) {
    String model = metadata.string("tokenizer.ggml.model");
    Optional<String> pre = metadata.optionalString("tokenizer.ggml.pre");
    return pre.map(p -> model + "/" + p).orElse(model);
  }
}
