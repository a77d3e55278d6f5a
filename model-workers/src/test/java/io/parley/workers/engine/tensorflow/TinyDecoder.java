package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.tensorflow.Architecture.Part;
import io.parley.workers.gguf.GgufWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * A random decoder of any architecture, as a GGUF file and, by {@link TinyReference}, as plain
 * Java. The same seed gives the same file, which is how the golden logits know theirs again.
 */
final class TinyDecoder {
  /** The model's widths. */
  record Sizes(
      int hidden,
      int heads,
      int kvHeads,
      int headSize,
      int rotated,
      int feedForward,
      int vocabulary) {}

  /** None of them is a multiple of much. */
  static final Sizes ODD = new Sizes(20, 6, 2, 10, 8, 28, 37);

  static final int CONTEXT = 256;
  static final int WINDOW = 21;
  static final double EPSILON = 1e-5;
  static final double BASE = 500;
  static final double SCALING = 2;

  private final Map<String, float[]> tensors = new LinkedHashMap<>();
  private final GgufWriter writer = new GgufWriter();
  private final Architecture architecture;
  private final Sizes sizes;
  private final double deviation;
  private final boolean tied;
  private final boolean inSteps;

  TinyDecoder(long seed, boolean tied) {
    this(Architecture.LLAMA, seed, tied, ODD, 0.4);
  }

  /**
   * A model of random weights.
   *
   * @param deviation of a weight: the wider the model, the smaller, or its softmax has one winner
   */
  TinyDecoder(Architecture architecture, long seed, boolean tied, Sizes sizes, double deviation) {
    this(architecture, seed, tied, sizes, deviation, false);
  }

  private TinyDecoder(
      Architecture architecture,
      long seed,
      boolean tied,
      Sizes sizes,
      double deviation,
      boolean inSteps) {
    this.inSteps = inSteps;
    this.architecture = architecture;
    this.sizes = sizes;
    this.tied = tied;
    this.deviation = deviation;
    writeMetadata();
    writeTensors(new Random(seed));
  }

  /** A Llama whose weights of an output are whole steps of its largest one's 127th part. */
  static TinyDecoder inSteps(long seed, boolean tied, Sizes sizes, double deviation) {
    return new TinyDecoder(Architecture.LLAMA, seed, tied, sizes, deviation, true);
  }

  /** What llama.cpp can read, too: it knows no heads that are turned in part. */
  static TinyDecoder golden(Architecture architecture) {
    Sizes sizes =
        switch (architecture) {
          case LLAMA -> new Sizes(64, 4, 2, 64, 64, 96, 96);
          case QWEN2 -> new Sizes(128, 2, 1, 64, 64, 96, 96); // where the heads are as wide as all
          case QWEN3 -> new Sizes(64, 2, 1, 128, 128, 96, 96);
          case GEMMA3 -> new Sizes(64, 2, 1, 256, 256, 96, 96);
        };
    return new TinyDecoder(architecture, 7, architecture != Architecture.LLAMA, sizes, 0.12);
  }

  /** Writes the files of the golden logits into a folder. */
  public static void main(String[] arguments) throws Exception {
    Path folder = Files.createDirectories(Path.of(arguments[0]));
    for (Architecture architecture : Architecture.values()) {
      golden(architecture).write(folder.resolve(architecture.label() + ".gguf"));
    }
  }

  private void writeMetadata() {
    String prefix = architecture.label() + ".";
    writer
        .string("general.architecture", architecture.label())
        .integer(prefix + "block_count", layers())
        .integer(prefix + "vocab_size", sizes.vocabulary())
        .integer(prefix + "embedding_length", sizes.hidden())
        .integer(prefix + "attention.head_count", sizes.heads())
        .integer(prefix + "attention.head_count_kv", sizes.kvHeads())
        .integer(prefix + "attention.key_length", sizes.headSize())
        .integer(prefix + "attention.value_length", sizes.headSize())
        .integer(prefix + "feed_forward_length", sizes.feedForward())
        .integer(prefix + "context_length", CONTEXT)
        .integer(prefix + "rope.dimension_count", sizes.rotated())
        .number(prefix + "rope.freq_base", (float) BASE)
        .string(prefix + "rope.scaling.type", "linear")
        .number(prefix + "rope.scaling.factor", (float) SCALING)
        .string("tokenizer.ggml.model", "no_vocab");
    if (has(Part.LOCAL_LAYERS)) {
      writer.integer(prefix + "attention.sliding_window", WINDOW);
    }
    // last: the damage of DecoderConfigTest ends here
    writer.number(prefix + "attention.layer_norm_rms_epsilon", (float) EPSILON);
  }

  private void writeTensors(Random random) {
    matrix(random, "token_embd.weight", sizes.vocabulary(), sizes.hidden());
    vector(random, "output_norm.weight", sizes.hidden());
    if (architecture == Architecture.LLAMA) {
      vector(random, "rope_freqs.weight", sizes.rotated() / 2);
    }
    if (!tied) {
      matrix(random, "output.weight", sizes.vocabulary(), sizes.hidden());
    }
    int queries = sizes.heads() * sizes.headSize();
    int keys = sizes.kvHeads() * sizes.headSize();
    for (int layer = 0; layer < layers(); layer++) {
      String name = "blk." + layer + ".";
      vector(random, name + "attn_norm.weight", sizes.hidden());
      matrix(random, name + "attn_q.weight", queries, sizes.hidden());
      matrix(random, name + "attn_k.weight", keys, sizes.hidden());
      matrix(random, name + "attn_v.weight", keys, sizes.hidden());
      matrix(random, name + "attn_output.weight", sizes.hidden(), queries);
      vector(random, name + "ffn_norm.weight", sizes.hidden());
      matrix(random, name + "ffn_gate.weight", sizes.feedForward(), sizes.hidden());
      matrix(random, name + "ffn_up.weight", sizes.feedForward(), sizes.hidden());
      matrix(random, name + "ffn_down.weight", sizes.hidden(), sizes.feedForward());
      if (has(Part.QKV_BIAS)) {
        vector(random, name + "attn_q.bias", queries);
        vector(random, name + "attn_k.bias", keys);
        vector(random, name + "attn_v.bias", keys);
      }
      if (has(Part.HEAD_NORMS)) {
        vector(random, name + "attn_q_norm.weight", sizes.headSize());
        vector(random, name + "attn_k_norm.weight", sizes.headSize());
      }
      if (has(Part.POST_NORMS)) {
        vector(random, name + "post_attention_norm.weight", sizes.hidden());
        vector(random, name + "post_ffw_norm.weight", sizes.hidden());
      }
    }
  }

  /** Values are exact in bfloat16, so that rounding them changes nothing. */
  private void matrix(Random random, String name, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = Bfloat16.widen(Bfloat16.round((float) (random.nextGaussian() * deviation)));
    }
    for (int row = 0; inSteps && row < rows; row++) {
      // a power of two, so that whole multiples of it are exact
      float step = Math.scalb(1f, Math.getExponent((float) deviation) - 5 - row % 2);
      for (int i = row * columns; i < (row + 1) * columns; i++) {
        values[i] = step * Math.max(-126, Math.min(126, Math.round(values[i] / step)));
      }
      values[row * columns + row % columns] = (row % 3 == 0 ? -127 : 127) * step;
    }
    tensors.put(name, values);
    writer.tensor(name, values, columns, rows);
  }

  private void vector(Random random, String name, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = 0.5f + random.nextFloat();
    }
    tensors.put(name, values);
    writer.tensor(name, values, size);
  }

  Path write(Path file) {
    return writer.write(file);
  }

  /** The file with a key or tensor more than it should have. */
  GgufWriter writer() {
    return writer;
  }

  Architecture architecture() {
    return architecture;
  }

  boolean has(Part part) {
    return architecture.has(part);
  }

  Sizes sizes() {
    return sizes;
  }

  boolean tied() {
    return tied;
  }

  /** As many as it takes to have layers of each kind, and one after them. */
  int layers() {
    return has(Part.LOCAL_LAYERS) ? 7 : 2;
  }

  float[] tensor(String name) {
    return tensors.get(name);
  }

  /** The logits after each token of a sequence. */
  double[][] logits(int[] tokens) {
    return new TinyReference(this).logits(tokens);
  }
}
