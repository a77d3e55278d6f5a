package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.tensorflow.Architecture.Part;
import io.parley.workers.engine.tensorflow.TinyDecoder.Sizes;

/**
 * A {@link TinyDecoder}'s forward pass in double precision, over a whole sequence at once and
 * straight from the definitions.
 */
final class TinyReference {
  private final TinyDecoder model;
  private final Sizes sizes;

  TinyReference(TinyDecoder model) {
    this.model = model;
    this.sizes = model.sizes();
  }

  double[][] logits(int[] tokens) {
    double scale = model.has(Part.SCALED_EMBEDDING) ? Math.sqrt(sizes.hidden()) : 1;
    double[][] stream = new double[tokens.length][sizes.hidden()];
    for (int i = 0; i < tokens.length; i++) {
      for (int d = 0; d < sizes.hidden(); d++) {
        stream[i][d] = scale * model.tensor("token_embd.weight")[tokens[i] * sizes.hidden() + d];
      }
    }
    for (int layer = 0; layer < model.layers(); layer++) {
      String name = "blk." + layer + ".";
      double[][] attended = attention(stream, layer, name);
      for (int i = 0; i < stream.length; i++) {
        double[] out = product(name + "attn_output.weight", attended[i]);
        stream[i] = sum(stream[i], afterwards(out, name + "post_attention_norm.weight"));
        double[] fed = feedForward(stream[i], name);
        stream[i] = sum(stream[i], afterwards(fed, name + "post_ffw_norm.weight"));
      }
    }
    double[][] logits = new double[tokens.length][];
    for (int i = 0; i < tokens.length; i++) {
      double[] last = normalised(stream[i], model.tensor("output_norm.weight"));
      logits[i] = product(model.tied() ? "token_embd.weight" : "output.weight", last);
    }
    return logits;
  }

  private double[] afterwards(double[] x, String norm) {
    return model.has(Part.POST_NORMS) ? normalised(x, model.tensor(norm)) : x;
  }

  private boolean local(int layer) {
    return model.has(Part.LOCAL_LAYERS) && layer % 6 != 5;
  }

  private double[][] attention(double[][] stream, int layer, String name) {
    int count = stream.length;
    double[][] queries = new double[count][];
    double[][] keys = new double[count][];
    double[][] values = new double[count][];
    for (int i = 0; i < count; i++) {
      double[] x = normalised(stream[i], model.tensor(name + "attn_norm.weight"));
      queries[i] = turned(heads(x, name + "attn_q"), i, layer);
      keys[i] = turned(heads(x, name + "attn_k"), i, layer);
      values[i] = heads(x, name + "attn_v");
    }
    double[][] out = new double[count][sizes.heads() * sizes.headSize()];
    for (int i = 0; i < count; i++) {
      int begin = local(layer) ? Math.max(0, i + 1 - TinyDecoder.WINDOW) : 0;
      for (int head = 0; head < sizes.heads(); head++) {
        int at = head * sizes.headSize();
        int kvAt = head / (sizes.heads() / sizes.kvHeads()) * sizes.headSize();
        double[] weights = new double[i + 1];
        double total = 0;
        for (int j = begin; j <= i; j++) {
          double score = 0;
          for (int d = 0; d < sizes.headSize(); d++) {
            score += queries[i][at + d] * keys[j][kvAt + d];
          }
          weights[j] = Math.exp(score / Math.sqrt(sizes.headSize()));
          total += weights[j];
        }
        for (int j = begin; j <= i; j++) {
          for (int d = 0; d < sizes.headSize(); d++) {
            out[i][at + d] += weights[j] / total * values[j][kvAt + d];
          }
        }
      }
    }
    return out;
  }

  private double[] heads(double[] x, String name) {
    double[] out = product(name + ".weight", x);
    float[] bias = model.tensor(name + ".bias");
    for (int i = 0; bias != null && i < out.length; i++) {
      out[i] += bias[i];
    }
    float[] norm = model.tensor(name + "_norm.weight");
    for (int head = 0; norm != null && head < out.length; head += sizes.headSize()) {
      double[] one = java.util.Arrays.copyOfRange(out, head, head + sizes.headSize());
      System.arraycopy(normalised(one, norm), 0, out, head, sizes.headSize());
    }
    return out;
  }

  /** Llama files pair neighbours, the others the halves of what is turned. */
  private double[] turned(double[] x, int position, int layer) {
    boolean adjacent = model.architecture() == Architecture.LLAMA;
    float[] divisors = model.tensor("rope_freqs.weight");
    double base = local(layer) ? 10_000 : TinyDecoder.BASE;
    double at = local(layer) ? position : position / TinyDecoder.SCALING;
    int half = sizes.rotated() / 2;
    double[] out = x.clone();
    for (int head = 0; head < x.length; head += sizes.headSize()) {
      for (int i = 0; i < half; i++) {
        double divisor = divisors == null ? 1 : divisors[i];
        double angle = at * Math.pow(base, -2.0 * i / sizes.rotated()) / divisor;
        int first = head + (adjacent ? 2 * i : i);
        int second = adjacent ? first + 1 : first + half;
        out[first] = x[first] * Math.cos(angle) - x[second] * Math.sin(angle);
        out[second] = x[first] * Math.sin(angle) + x[second] * Math.cos(angle);
      }
    }
    return out;
  }

  private double[] feedForward(double[] stream, String name) {
    double[] x = normalised(stream, model.tensor(name + "ffn_norm.weight"));
    double[] gate = product(name + "ffn_gate.weight", x);
    double[] up = product(name + "ffn_up.weight", x);
    for (int i = 0; i < gate.length; i++) {
      gate[i] = opening(gate[i]) * up[i];
    }
    return product(name + "ffn_down.weight", gate);
  }

  private double opening(double x) {
    if (model.architecture() != Architecture.GEMMA3) {
      return x / (1 + Math.exp(-x));
    }
    return x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  private static double[] normalised(double[] x, float[] weights) {
    double square = 0;
    for (double value : x) {
      square += value * value;
    }
    double scale = 1 / Math.sqrt(square / x.length + TinyDecoder.EPSILON);
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = x[i] * scale * weights[i];
    }
    return out;
  }

  private double[] product(String name, double[] x) {
    float[] weights = model.tensor(name);
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
}
