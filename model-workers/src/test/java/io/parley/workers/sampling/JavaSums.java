package io.parley.workers.sampling;

import io.parley.workers.engine.RowSums;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;

/**
 * Sums of rows as the sampler itself makes them, for engines that have none and as what others must
 * equal.
 */
public final class JavaSums {
  private JavaSums() {}

  public static RowSums of(FloatBuffer logits, int vocabulary, int[] rows, double[] scales) {
    int blocks = (vocabulary + RowSums.BLOCK - 1) / RowSums.BLOCK;
    DoubleBuffer values = DoubleBuffer.allocate(rows.length * (1 + blocks));
    Weights weights = new Weights(vocabulary);
    float[] row = new float[vocabulary];
    for (int i = 0; i < rows.length; i++) {
      logits.get(rows[i] * vocabulary, row);
      float max = Float.NEGATIVE_INFINITY;
      for (float logit : row) {
        max = Math.max(max, logit);
      }
      weights.compute(row, max, scales[i]);
      values.put(max);
      for (int block = 0; block < blocks; block++) {
        values.put(weights.sum(block));
      }
    }
    return new RowSums(rows, scales, values.flip());
  }
}
