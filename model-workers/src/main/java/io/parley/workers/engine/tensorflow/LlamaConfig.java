package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufMetadata;

/**
 * What a GGUF file says about the shape of a Llama model.
 *
 * @param layers transformer blocks
 * @param hidden width of the residual stream
 * @param heads query heads; each {@code heads / kvHeads} of them share a key and value head
 * @param headSize width of a head
 * @param feedForward inner width of the feed-forward part
 * @param contextLength the most positions it was made for
 * @param normEpsilon added to the mean square in each normalisation
 * @param rotationFrequencies radians per position of each pair of a head's values, {@code headSize
 *     / 2} of them; 0 where a pair is not rotated
 * @param tiedHead whether the output head is the embedding
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record LlamaConfig(
    int layers,
    int hidden,
    int heads,
    int kvHeads,
    int headSize,
    int feedForward,
    int vocabularySize,
    int contextLength,
    float normEpsilon,
    float[] rotationFrequencies,
    boolean tiedHead) {
  private static final int SIZE_MAX = 1 << 24;

  /**
   * @throws UnsupportedModelException when it is not a Llama model that this engine runs
   * @throws io.parley.workers.gguf.GgufException when a key or tensor is missing or malformed
   */
  static LlamaConfig read(GgufFile file) {
    GgufMetadata meta = file.metadata();
    String architecture = meta.string("general.architecture");
    if (!architecture.equals("llama")) {
      throw new UnsupportedModelException(
          "architecture '" + architecture + "' is not supported; 'llama' is");
    }
    if (meta.integer("llama.expert_count", 0) > 0) {
      throw new UnsupportedModelException("mixture-of-experts models are not supported");
    }
    int hidden = size(meta, "llama.embedding_length");
    int heads = size(meta, "llama.attention.head_count");
    int kvHeads =
        meta.has("llama.attention.head_count_kv")
            ? size(meta, "llama.attention.head_count_kv")
            : heads;
    int headSize = headSize(meta, hidden, heads);
    require(heads % kvHeads == 0, "query heads are not a multiple of key heads");
    require(headSize % 2 == 0, "the head size is odd");
    int layers = size(meta, "llama.block_count");
    // so that what is made for each layer is in proportion to the file
    require(
        layers <= file.tensors().size(),
        "metadata key 'llama.block_count' is " + layers + ", more than there are tensors");
    return new LlamaConfig(
        layers,
        hidden,
        heads,
        kvHeads,
        headSize,
        size(meta, "llama.feed_forward_length"),
        Math.toIntExact(file.tensor("token_embd.weight").rows()),
        size(meta, "llama.context_length"),
        meta.number("llama.attention.layer_norm_rms_epsilon"),
        RotaryFrequencies.read(file, headSize),
        !file.hasTensor("output.weight"));
  }

  /** Query heads that share one key and value head. */
  int group() {
    return heads / kvHeads;
  }

  /** Keys and values of one block of positions, in all layers. */
  long blockValues(int blockSize) {
    return (long) layers * 2 * kvHeads * headSize * blockSize;
  }

  private static int headSize(GgufMetadata meta, int hidden, int heads) {
    if (!meta.has("llama.attention.key_length")) {
      require(hidden % heads == 0, "the hidden size is not a multiple of the heads");
      return hidden / heads;
    }
    int keys = size(meta, "llama.attention.key_length");
    int values = meta.integer("llama.attention.value_length", keys);
    require(keys == values, "keys and values of different sizes are not supported");
    return keys;
  }

  private static int size(GgufMetadata meta, String key) {
    int value = meta.integer(key);
    require(value >= 1 && value <= SIZE_MAX, "metadata key '" + key + "' is " + value);
    return value;
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new UnsupportedModelException(message);
    }
  }
}
