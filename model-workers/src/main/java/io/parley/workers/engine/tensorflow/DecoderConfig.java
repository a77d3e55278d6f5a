package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufMetadata;
import java.util.ArrayList;
import java.util.List;

/**
 * What a GGUF file says about the shape of a decoder: its widths, and what each layer is made of.
 *
 * @param hidden width of the residual stream
 * @param heads query heads; each {@code heads / kvHeads} of them share a key and value head
 * @param headSize width of a head
 * @param feedForward inner width of the feed-forward part
 * @param contextLength the most positions it was made for
 * @param normEpsilon added to the mean square in each normalisation
 * @param embeddingScale what embeddings are multiplied by
 * @param queryScale what scores are multiplied by
 * @param pairs how the file orders what RoPE turns
 * @param tiedHead whether the output head is the embedding
 */
record DecoderConfig(
    int hidden,
    int heads,
    int kvHeads,
    int headSize,
    int feedForward,
    int vocabularySize,
    int contextLength,
    float normEpsilon,
    float embeddingScale,
    float queryScale,
    RotaryPairs pairs,
    boolean tiedHead,
    List<DecoderLayer> layers) {
  private static final int SIZE_MAX = 1 << 24;

  /** Of the layers that see a window: what Gemma 3 files do not say. */
  private static final double LOCAL_BASE = 10_000;

  /** Every sixth layer sees all positions, where the file does not say another number. */
  private static final int LAYERS_OF_PATTERN = 6;

  /** Gemma 3 27B, the only one whose scores are not scaled by the head size. */
  private static final int LAYERS_SCALED_BY_WIDTH = 62;

  DecoderConfig {
    layers = List.copyOf(layers);
  }

  /**
   * @throws UnsupportedModelException when it is not a decoder that this engine runs
   * @throws io.parley.workers.gguf.GgufException when a key or tensor is missing or malformed
   */
  static DecoderConfig read(GgufFile file) {
    GgufMetadata meta = file.metadata();
    Architecture architecture = Architecture.of(meta.string("general.architecture"));
    String prefix = architecture.label() + ".";
    if (meta.integer(prefix + "expert_count", 0) > 0) {
      throw new UnsupportedModelException("mixture-of-experts models are not supported");
    }
    int hidden = size(meta, prefix + "embedding_length");
    int heads = size(meta, prefix + "attention.head_count");
    String kvKey = prefix + "attention.head_count_kv";
    int kvHeads = meta.has(kvKey) ? size(meta, kvKey) : heads;
    int headSize = headSize(meta, prefix, hidden, heads);
    require(heads % kvHeads == 0, "query heads are not a multiple of key heads");
    require(headSize % 2 == 0, "the head size is odd");
    List<DecoderLayer> layers =
        layers(file, architecture, RotaryFrequencies.read(file, prefix, headSize));
    return new DecoderConfig(
        hidden,
        heads,
        kvHeads,
        headSize,
        size(meta, prefix + "feed_forward_length"),
        Math.toIntExact(file.tensor("token_embd.weight").rows()),
        size(meta, prefix + "context_length"),
        meta.number(prefix + "attention.layer_norm_rms_epsilon"),
        architecture.has(Architecture.Part.SCALED_EMBEDDING) ? (float) Math.sqrt(hidden) : 1f,
        queryScale(architecture, layers.size(), hidden / heads, headSize),
        architecture.pairs(),
        !file.hasTensor("output.weight"),
        layers);
  }

  private static List<DecoderLayer> layers(
      GgufFile file, Architecture architecture, RotaryFrequencies rotation) {
    GgufMetadata meta = file.metadata();
    String prefix = architecture.label() + ".";
    String countKey = prefix + "block_count";
    int count = size(meta, countKey);
    // so that what is made for each layer is in proportion to the file
    require(
        count <= file.tensors().size(),
        "metadata key '" + countKey + "' is " + count + ", more than there are tensors");
    boolean local = architecture.has(Architecture.Part.LOCAL_LAYERS);
    int window = local ? size(meta, prefix + "attention.sliding_window") : 0;
    int pattern =
        local ? meta.integer(prefix + "attention.sliding_window_pattern", LAYERS_OF_PATTERN) : 1;
    require(pattern >= 1, "the pattern of layers with a window is " + pattern);
    DecoderLayer global = layer(architecture, 0, rotation);
    DecoderLayer windowed = layer(architecture, window, rotation.withBase(LOCAL_BASE));
    List<DecoderLayer> layers = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      layers.add(i % pattern == pattern - 1 ? global : windowed);
    }
    return layers;
  }

  private static DecoderLayer layer(
      Architecture architecture, int window, RotaryFrequencies rotation) {
    return new DecoderLayer(
        architecture.has(Architecture.Part.QKV_BIAS),
        architecture.has(Architecture.Part.HEAD_NORMS),
        architecture.has(Architecture.Part.POST_NORMS),
        architecture.gate(),
        window,
        rotation);
  }

  private static float queryScale(
      Architecture architecture, int layers, int widthOfHead, int headSize) {
    boolean byWidth = architecture == Architecture.GEMMA3 && layers == LAYERS_SCALED_BY_WIDTH;
    return (float) (1 / Math.sqrt(byWidth ? widthOfHead : headSize));
  }

  /** Query heads that share one key and value head. */
  int group() {
    return heads / kvHeads;
  }

  /** Keys and values of one block of positions, in all layers. */
  long blockValues(int blockSize) {
    return (long) layers.size() * 2 * kvHeads * headSize * blockSize;
  }

  private static int headSize(GgufMetadata meta, String prefix, int hidden, int heads) {
    if (!meta.has(prefix + "attention.key_length")) {
      require(hidden % heads == 0, "the hidden size is not a multiple of the heads");
      return hidden / heads;
    }
    int keys = size(meta, prefix + "attention.key_length");
    int values = meta.integer(prefix + "attention.value_length", keys);
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
