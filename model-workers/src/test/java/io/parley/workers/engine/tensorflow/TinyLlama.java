package io.parley.workers.engine.tensorflow;

import io.parley.workers.gguf.GgufWriter;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * A random Llama model, as a GGUF file and as plain Java: the same forward pass in double
 * precision, over a whole sequence at once and straight from the definition. It turns adjacent
 * pairs of values, as llama.cpp does with such files.
 */
final class TinyLlama {
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

  static final int LAYERS = 2;
  static final int CONTEXT = 256;
  private static final double EPSILON = 1e-5;
  private static final double BASE = 500;

  private final Map<String, float[]> tensors = new HashMap<>();
  private final GgufWriter writer = new GgufWriter();
  private final Sizes sizes;
  private final double deviation;
  private final boolean tied;
  private final boolean inSteps;

  TinyLlama(long seed, boolean tied) {
    this(seed, tied, ODD, 0.4);
  }

  /**
   * A model of random weights.
   *
   * @param deviation of a weight: the wider the model, the smaller, or its softmax has one winner
   */
  TinyLlama(long seed, boolean tied, Sizes sizes, double deviation) {
    this(seed, tied, sizes, deviation, false);
  }

  /**
   * The same.
   *
   * @param inSteps weights of an output are whole steps of its largest one's 127th part
   */
  TinyLlama(long seed, boolean tied, Sizes sizes, double deviation, boolean inSteps) {
    this.inSteps = inSteps;
    this.sizes = sizes;
    this.tied = tied;
    this.deviation = deviation;
    Random random = new Random(seed);
    writer
        .string("general.architecture", "llama")
        .integer("llama.block_count", LAYERS)
        .integer("llama.embedding_length", sizes.hidden())
        .integer("llama.attention.head_count", sizes.heads())
        .integer("llama.attention.head_count_kv", sizes.kvHeads())
        .integer("llama.attention.key_length", sizes.headSize())
        .integer("llama.attention.value_length", sizes.headSize())
        .integer("llama.feed_forward_length", sizes.feedForward())
        .integer("llama.context_length", CONTEXT)
        .integer("llama.rope.dimension_count", sizes.rotated())
        .number("llama.rope.freq_base", (float) BASE)
        .string("llama.rope.scaling.type", "linear")
        .number("llama.rope.scaling.factor", 2f)
        .number("llama.attention.layer_norm_rms_epsilon", (float) EPSILON);
    matrix(random, "token_embd.weight", sizes.vocabulary(), sizes.hidden());
    vector(random, "output_norm.weight", sizes.hidden());
    vector(random, "rope_freqs.weight", sizes.rotated() / 2);
    if (!tied) {
      matrix(random, "output.weight", sizes.vocabulary(), sizes.hidden());
    }
    for (int layer = 0; layer < LAYERS; layer++) {
      String name = "blk." + layer + ".";
      vector(random, name + "attn_norm.weight", sizes.hidden());
      matrix(random, name + "attn_q.weight", sizes.heads() * sizes.headSize(), sizes.hidden());
      matrix(random, name + "attn_k.weight", sizes.kvHeads() * sizes.headSize(), sizes.hidden());
      matrix(random, name + "attn_v.weight", sizes.kvHeads() * sizes.headSize(), sizes.hidden());
      matrix(random, name + "attn_output.weight", sizes.hidden(), sizes.heads() * sizes.headSize());
      vector(random, name + "ffn_norm.weight", sizes.hidden());
      matrix(random, name + "ffn_gate.weight", sizes.feedForward(), sizes.hidden());
      matrix(random, name + "ffn_up.weight", sizes.feedForward(), sizes.hidden());
      matrix(random, name + "ffn_down.weight", sizes.hidden(), sizes.feedForward());
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

  /** The logits after each token of a sequence. */
  double[][] logits(int[] tokens) {
    double[][] stream = new double[tokens.length][];
    for (int i = 0; i < tokens.length; i++) {
      stream[i] = row(tensors.get("token_embd.weight"), tokens[i], sizes.hidden());
    }
    for (int layer = 0; layer < LAYERS; layer++) {
      String name = "blk." + layer + ".";
      double[][] attended = attention(stream, name);
      for (int i = 0; i < stream.length; i++) {
        stream[i] = sum(stream[i], product(name + "attn_output.weight", attended[i]));
        stream[i] = sum(stream[i], feedForward(stream[i], name));
      }
    }
    double[][] logits = new double[tokens.length][];
    for (int i = 0; i < tokens.length; i++) {
      double[] last = normalised(stream[i], "output_norm.weight");
      logits[i] = product(tied ? "token_embd.weight" : "output.weight", last);
    }
    return logits;
  }

  private double[][] attention(double[][] stream, String name) {
    int count = stream.length;
    double[][] queries = new double[count][];
    double[][] keys = new double[count][];
    double[][] values = new double[count][];
    for (int i = 0; i < count; i++) {
      double[] x = normalised(stream[i], name + "attn_norm.weight");
      queries[i] = rotated(product(name + "attn_q.weight", x), i);
      keys[i] = rotated(product(name + "attn_k.weight", x), i);
      values[i] = product(name + "attn_v.weight", x);
    }
    double[][] out = new double[count][sizes.heads() * sizes.headSize()];
    for (int i = 0; i < count; i++) {
      for (int head = 0; head < sizes.heads(); head++) {
        int at = head * sizes.headSize();
        int kvAt = head / (sizes.heads() / sizes.kvHeads()) * sizes.headSize();
        double[] weights = new double[i + 1];
        double total = 0;
        for (int j = 0; j <= i; j++) {
          double score = 0;
          for (int d = 0; d < sizes.headSize(); d++) {
            score += queries[i][at + d] * keys[j][kvAt + d];
          }
          weights[j] = Math.exp(score / Math.sqrt(sizes.headSize()));
          total += weights[j];
        }
        for (int j = 0; j <= i; j++) {
          for (int d = 0; d < sizes.headSize(); d++) {
            out[i][at + d] += weights[j] / total * values[j][kvAt + d];
          }
        }
      }
    }
    return out;
  }

  private double[] rotated(double[] x, int position) {
    float[] divisors = tensors.get("rope_freqs.weight");
    double[] out = x.clone();
    for (int head = 0; head < x.length; head += sizes.headSize()) {
      for (int i = 0; i < sizes.rotated() / 2; i++) {
        double angle = position / 2.0 * Math.pow(BASE, -2.0 * i / sizes.rotated()) / divisors[i];
        double a = x[head + 2 * i];
        double b = x[head + 2 * i + 1];
        out[head + 2 * i] = a * Math.cos(angle) - b * Math.sin(angle);
        out[head + 2 * i + 1] = a * Math.sin(angle) + b * Math.cos(angle);
      }
    }
    return out;
  }

  private double[] feedForward(double[] stream, String name) {
    double[] x = normalised(stream, name + "ffn_norm.weight");
    double[] gate = product(name + "ffn_gate.weight", x);
    double[] up = product(name + "ffn_up.weight", x);
    for (int i = 0; i < gate.length; i++) {
      gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
    }
    return product(name + "ffn_down.weight", gate);
  }

  private double[] normalised(double[] x, String name) {
    double square = 0;
    for (double value : x) {
      square += value * value;
    }
    double scale = 1 / Math.sqrt(square / x.length + EPSILON);
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = x[i] * scale * tensors.get(name)[i];
    }
    return out;
  }

  private double[] product(String name, double[] x) {
    float[] weights = tensors.get(name);
    double[] out = new double[weights.length / x.length];
    for (int row = 0; row < out.length; row++) {
      for (int i = 0; i < x.length; i++) {
        out[row] += weights[row * x.length + i] * x[i];
      }
    }
    return out;
  }

  private static double[] sum(double[] a, double[] b) {
    double[] out = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      out[i] = a[i] + b[i];
    }
    return out;
  }

  private static double[] row(float[] values, int row, int width) {
    double[] out = new double[width];
    for (int i = 0; i < width; i++) {
      out[i] = values[row * width + i];
    }
    return out;
  }
}
