package io.parley.workers.sampling;

import io.parley.workers.engine.RowSums;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * The weights exp((logit - max) * scale) of a row, and sums of them. All sums are in one fixed
 * order: within a block of {@value #BLOCK} tokens eight interleaved ones, which are then added,
 * then block by block. {@code native/weigh.h} gives the same sums, bit by bit. Not thread-safe.
 */
final class Weights {
  static final int BLOCK = RowSums.BLOCK;
  private static final int CHUNK = 1024; // stays in the cache; whole blocks

  private final int size;
  private final double[][] chunks; // the weights; 0 past the size
  private final double[] blockSums;
  private double total;

  /**
   * Whose sums were given, so that a weight is computed when it is asked for; null: chunks has
   * them.
   */
  private FloatBuffer logits;

  private int from;
  private double max;
  private double scale;

  Weights(int vocabularySize) {
    size = vocabularySize;
    chunks = new double[(size + CHUNK - 1) / CHUNK][CHUNK];
    blockSums = new double[chunks.length * (CHUNK / BLOCK)];
  }

  /** Computes them all; {@code max} is the greatest logit. */
  void compute(float[] row, double max, double scale) {
    logits = null;
    total = 0;
    for (int c = 0; c < chunks.length; c++) {
      double[] chunk = chunks[c];
      int at = c * CHUNK;
      int count = Math.min(CHUNK, size - at);
      for (int i = 0; i < count; i++) {
        chunk[i] = Exp.argument((row[at + i] - max) * scale);
      }
      Arrays.fill(chunk, count, CHUNK, Exp.argument(Double.NEGATIVE_INFINITY));
      Exp.ofArguments(chunk);
      for (int i = 0; i < CHUNK; i += BLOCK) {
        double sum = sumOfBlock(chunk, i);
        blockSums[(at + i) / BLOCK] = sum;
        total += sum;
      }
    }
  }

  /**
   * Takes over the sums of a row, the ith of those.
   *
   * @param from where the row begins
   */
  void adopt(FloatBuffer logits, int from, RowSums sums, int i) {
    int blocks = (size + BLOCK - 1) / BLOCK;
    int at = i * (1 + blocks);
    this.logits = logits;
    this.from = from;
    max = sums.values().get(at);
    scale = sums.scales()[i];
    sums.values().get(at + 1, blockSums, 0, blocks);
    total = 0;
    for (int block = 0; block < blocks; block++) {
      total += blockSums[block];
    }
  }

  double total() {
    return total;
  }

  double of(int id) {
    if (logits != null) {
      return id < size ? Exp.ofNegative((logits.get(from + id) - max) * scale) : 0;
    }
    return chunks[id / CHUNK][id % CHUNK];
  }

  /** The sum of a block. */
  double sum(int block) {
    return blockSums[block];
  }

  /** The greatest logit of the row whose sums were taken over. */
  double max() {
    return max;
  }

  /** The first token up to which the weights, by id, sum up to more than the target. */
  int firstAbove(double target) {
    double before = 0;
    int block = 0;
    int last = 0;
    for (; block < blockSums.length && before + blockSums[block] <= target; block++) {
      before += blockSums[block];
      last = blockSums[block] > 0 ? block : last;
    }
    if (block == blockSums.length) { // by rounding alone
      block = last;
    }
    int found = -1;
    for (int id = block * BLOCK; id < (block + 1) * BLOCK; id++) {
      double weight = of(id);
      if (weight > 0) {
        found = id;
        before += weight;
        if (before > target) {
          break;
        }
      }
    }
    return found;
  }

  private static double sumOfBlock(double[] chunk, int at) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    double s4 = 0;
    double s5 = 0;
    double s6 = 0;
    double s7 = 0;
    for (int i = at; i < at + BLOCK; i += 8) {
      s0 += chunk[i];
      s1 += chunk[i + 1];
      s2 += chunk[i + 2];
      s3 += chunk[i + 3];
      s4 += chunk[i + 4];
      s5 += chunk[i + 5];
      s6 += chunk[i + 6];
      s7 += chunk[i + 7];
    }
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
  }
}
