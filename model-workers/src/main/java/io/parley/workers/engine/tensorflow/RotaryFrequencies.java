package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufMetadata;

/** How fast each pair of values of a head turns with the position (RoPE and its scalings). */
final class RotaryFrequencies {
  private RotaryFrequencies() {}

  /**
   * Radians per position of each pair. Llama 3 files scale by a tensor of divisors, older long
   * context files linearly by one factor.
   */
  static float[] read(GgufFile file, int headSize) {
    GgufMetadata meta = file.metadata();
    int rotated = meta.integer("llama.rope.dimension_count", headSize);
    if (rotated < 2 || rotated > headSize || rotated % 2 != 0) {
      throw new UnsupportedModelException(
          "metadata key 'llama.rope.dimension_count' is "
              + rotated
              + "; an even number up to the head size "
              + headSize
              + " is supported");
    }
    double base = meta.number("llama.rope.freq_base", 10_000f);
    double factor = linearFactor(meta);
    float[] divisors = divisors(file, rotated / 2);
    float[] frequencies = new float[headSize / 2];
    for (int i = 0; i < rotated / 2; i++) {
      frequencies[i] = (float) (Math.pow(base, -2.0 * i / rotated) / factor / divisors[i]);
    }
    return frequencies;
  }

  private static double linearFactor(GgufMetadata meta) {
    String scaling = meta.string("llama.rope.scaling.type", "none");
    return switch (scaling) {
      case "none" -> 1;
      case "linear" -> {
        float factor = meta.number("llama.rope.scaling.factor", 1f);
        if (!(factor > 0)) {
          throw new UnsupportedModelException(
              "metadata key 'llama.rope.scaling.factor' is " + factor + "; it must be positive");
        }
        yield factor;
      }
      default ->
          throw new UnsupportedModelException(
              "RoPE scaling '" + scaling + "' is not supported; none and linear are");
    };
  }

  private static float[] divisors(GgufFile file, int count) {
    float[] divisors;
    if (file.hasTensor("rope_freqs.weight")) {
      divisors = file.read("rope_freqs.weight");
    } else {
      divisors = new float[count];
      java.util.Arrays.fill(divisors, 1f);
    }
    if (divisors.length != count) {
      throw new UnsupportedModelException(
          "tensor 'rope_freqs.weight' has "
              + divisors.length
              + " values; "
              + count
              + " are needed");
    }
    return divisors;
  }
}
