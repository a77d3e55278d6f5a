package io.parley.workers.engine.tensorflow;

import io.parley.workers.gguf.GgufWriter;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * A random Llama model of odd sizes, as a GGUF file and as plain Java: the same forward pass in
 * double precision, over a whole sequence at once and straight from the definition. It turns
 * adjacent pairs of values, as llama.cpp does with such files.
 */
final class TinyLlama {
  static final int LAYERS = 2;
  static final int HIDDEN = 20;
  static final int HEADS = 6;
  static final int KV_HEADS = 2;
  static final int HEAD_SIZE = 10;
  static final int ROTATED = 8;
  static final int FEED_FORWARD = 28;
  static final int VOCABULARY = 37;
  static final int CONTEXT = 256;
  private static final double EPSILON = 1e-5;
  private static final double BASE = 500;

  private final Map<String, float[]> tensors = new HashMap<>();
  private final GgufWriter writer = new GgufWriter();
  private final boolean tied;

  TinyLlama(long seed, boolean tied) {
    this.tied = tied;
    Random random = new Random(seed);
    writer
        .string("general.architecture", "llama")
        .integer("llama.block_count", LAYERS)
        .integer("llama.embedding_length", HIDDEN)
        .integer("llama.attention.head_count", HEADS)
        .integer("llama.attention.head_count_kv", KV_HEADS)
        .integer("llama.attention.key_length", HEAD_SIZE)
        .integer("llama.attention.value_length", HEAD_SIZE)
        .integer("llama.feed_forward_length", FEED_FORWARD)
        .integer("llama.context_length", CONTEXT)
        .integer("llama.rope.dimension_count", ROTATED)
        .number("llama.rope.freq_base", (float) BASE)
        .string("llama.rope.scaling.type", "linear")
        .number("llama.rope.scaling.factor", 2f)
        .number("llama.attention.layer_norm_rms_epsilon", (float) EPSILON);
    matrix(random, "token_embd.weight", VOCABULARY, HIDDEN);
    vector(random, "output_norm.weight", HIDDEN);
    vector(random, "rope_freqs.weight", ROTATED / 2);
    if (!tied) {
      matrix(random, "output.weight", VOCABULARY, HIDDEN);
    }
    for (int layer = 0; layer < LAYERS; layer++) {
      String name = "blk." + layer + ".";
      vector(random, name + "attn_norm.weight", HIDDEN);
      matrix(random, name + "attn_q.weight", HEADS * HEAD_SIZE, HIDDEN);
      matrix(random, name + "attn_k.weight", KV_HEADS * HEAD_SIZE, HIDDEN);
      matrix(random, name + "attn_v.weight", KV_HEADS * HEAD_SIZE, HIDDEN);
      matrix(random, name + "attn_output.weight", HIDDEN, HEADS * HEAD_SIZE);
      vector(random, name + "ffn_norm.weight", HIDDEN);
      matrix(random, name + "ffn_gate.weight", FEED_FORWARD, HIDDEN);
      matrix(random, name + "ffn_up.weight", FEED_FORWARD, HIDDEN);
      matrix(random, name + "ffn_down.weight", HIDDEN, FEED_FORWARD);
    }
  }

  /** Values are exact in bfloat16, so that rounding them changes nothing. */
  private void matrix(Random random, String name, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = Bfloat16.widen(Bfloat16.round((float) (random.nextGaussian() * 0.4)));
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
      stream[i] = row(tensors.get("token_embd.weight"), tokens[i], HIDDEN);
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
    double[][] out = new double[count][HEADS * HEAD_SIZE];
    for (int i = 0; i < count; i++) {
      for (int head = 0; head < HEADS; head++) {
        int at = head * HEAD_SIZE;
        int kvAt = head / (HEADS / KV_HEADS) * HEAD_SIZE;
        double[] weights = new double[i + 1];
        double total = 0;
        for (int j = 0; j <= i; j++) {
          double score = 0;
          for (int d = 0; d < HEAD_SIZE; d++) {
            score += queries[i][at + d] * keys[j][kvAt + d];
          }
          weights[j] = Math.exp(score / Math.sqrt(HEAD_SIZE));
          total += weights[j];
        }
        for (int j = 0; j <= i; j++) {
          for (int d = 0; d < HEAD_SIZE; d++) {
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
    for (int head = 0; head < x.length; head += HEAD_SIZE) {
      for (int i = 0; i < ROTATED / 2; i++) {
        double angle = position / 2.0 * Math.pow(BASE, -2.0 * i / ROTATED) / divisors[i];
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
