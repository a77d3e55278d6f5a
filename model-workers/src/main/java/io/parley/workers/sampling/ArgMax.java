package io.parley.workers.sampling;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Finds the likeliest token of a row, the lowest id of equals. The row is read in chunks, and lane
 * by lane the greatest is kept: a loop over two arrays becomes vector instructions, and a greatest
 * number does not depend on the order. Not thread-safe.
 */
public final class ArgMax {
  private static final int LANES = 1024; // two arrays of it stay in the cache

  private final int size;
  private final float[] greatest = new float[LANES];
  private final float[] chunk = new float[LANES];

  public ArgMax(int vocabularySize) {
    size = vocabularySize;
  }

  /**
   * The likeliest token.
   *
   * @param from where the row begins
   * @throws BadLogitsException when the row holds NaN, +infinity or nothing finite
   */
  public int of(FloatBuffer logits, int from) throws BadLogitsException {
    Arrays.fill(greatest, Float.NEGATIVE_INFINITY);
    for (int at = 0; at < size; at += LANES) {
      int count = Math.min(LANES, size - at);
      logits.get(from + at, chunk, 0, count);
      Arrays.fill(chunk, count, LANES, Float.NEGATIVE_INFINITY);
      raise(greatest, chunk);
    }
    float max = Float.NEGATIVE_INFINITY;
    for (float lane : greatest) {
      max = Math.max(max, lane); // NaN if one is
    }
    checked(max);
    int best = size;
    for (int lane = 0; lane < LANES; lane++) {
      if (greatest[lane] == max) {
        for (int id = lane; id < best; id += LANES) {
          if (logits.get(from + id) == max) {
            best = id;
          }
        }
      }
    }
    return best;
  }

  /** The greatest logit, if a row may have it. */
  static double checked(double max) throws BadLogitsException {
    if (Double.isNaN(max) || Double.isInfinite(max)) {
      throw new BadLogitsException(
          Double.isNaN(max)
              ? "a logit is NaN"
              : max > 0 ? "a logit is infinite" : "no logit is finite");
    }
    return max;
  }

  private static void raise(float[] greatest, float[] chunk) {
    for (int lane = 0; lane < LANES; lane++) {
      greatest[lane] = Math.max(greatest[lane], chunk[lane]);
    }
  }
}
