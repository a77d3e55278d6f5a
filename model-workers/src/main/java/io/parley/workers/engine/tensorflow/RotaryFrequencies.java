package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufMetadata;
import java.util.Arrays;

/**
 * How fast each pair of values of a head turns with the position (RoPE and its scalings). Equal to
 * itself only: layers that turn alike share one.
 */
final class RotaryFrequencies {
  private final int turned;
  private final float[] radians;

  private RotaryFrequencies(int turned, float[] radians) {
    this.turned = turned;
    this.radians = radians;
  }

  /** How many of a head's values are turned, the first ones. */
  int turned() {
    return turned;
  }

  /** Radians per position of each pair, half as many as a head has values; 0: not turned. */
  float[] radians() {
    return radians.clone();
  }

  /**
   * Those of a file. Llama 3 files scale by a tensor of divisors, others linearly by one factor.
   *
   * @param prefix of the metadata's keys, the architecture and a dot
   */
  static RotaryFrequencies read(GgufFile file, String prefix, int headSize) {
    GgufMetadata meta = file.metadata();
    String key = prefix + "rope.dimension_count";
    int turned = meta.integer(key, headSize);
    if (turned < 2 || turned > headSize || turned % 2 != 0) {
      throw new UnsupportedModelException(
          "metadata key '%s' is %d; an even number up to the head size %d is supported"
              .formatted(key, turned, headSize));
    }
    double base = meta.number(prefix + "rope.freq_base", 10_000f);
    return new RotaryFrequencies(
        turned,
        radians(base, linearFactor(meta, prefix), divisors(file, turned / 2), turned, headSize));
  }

  /** The same values turned by another base, without scaling. */
  RotaryFrequencies withBase(double base) {
    return new RotaryFrequencies(
        turned, radians(base, 1, ones(turned / 2), turned, 2 * radians.length));
  }

  private static float[] radians(
      double base, double factor, float[] divisors, int turned, int headSize) {
    float[] radians = new float[headSize / 2];
    for (int i = 0; i < turned / 2; i++) {
      radians[i] = (float) (Math.pow(base, -2.0 * i / turned) / factor / divisors[i]);
    }
    return radians;
  }

  private static double linearFactor(GgufMetadata meta, String prefix) {
    String scaling = meta.string(prefix + "rope.scaling.type", "none");
    return switch (scaling) {
      case "none" -> 1;
      case "linear" -> {
        String key = prefix + "rope.scaling.factor";
        float factor = meta.number(key, 1f);
        if (!(factor > 0)) {
          throw new UnsupportedModelException(
              "metadata key '" + key + "' is " + factor + "; it must be positive");
        }
        yield factor;
      }
      default ->
          throw new UnsupportedModelException(
              "RoPE scaling '" + scaling + "' is not supported; none and linear are");
    };
  }

  private static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1f);
    return ones;
  }

  private static float[] divisors(GgufFile file, int count) {
    float[] divisors =
        file.hasTensor("rope_freqs.weight") ? file.read("rope_freqs.weight") : ones(count);
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
