package io.parley.workers.sampling;

import io.parley.routing.protocol.SamplingParams;
import java.nio.FloatBuffer;

/**
 * Draws the next token from a row of logits. In this order:
 *
 * <ol>
 *   <li>the log-probabilities that are reported ({@link LogProbs}) are those of the raw logits over
 *       the whole vocabulary, as OpenAI and vLLM report them: nothing below touches them;
 *   <li>repetition penalty over prompt and answer, then presence and frequency penalty over the
 *       answer;
 *   <li>temperature; below 1e-5 the likeliest token is taken and nothing is drawn;
 *   <li>top-k;
 *   <li>top-p: of what top-k left, the fewest likeliest tokens whose probability reaches it;
 *   <li>min-p: of these, the ones with at least this fraction of the likeliest one's probability;
 *   <li>the draw: one uniform number, a hash of (seed, position) alone, looked up in the cumulative
 *       sum. The sum runs over the tokens by id, or likeliest first where top-k or top-p is on.
 * </ol>
 *
 * <p>Without limits the draw is over the whole vocabulary. Among equal logits the lower id comes
 * first everywhere. All arithmetic is in double and in a fixed order, so the same row gives the
 * same token on every machine. A logit of -infinity is a probability of 0.
 *
 * <p>Holds scratch memory of about 16 bytes for each token of the vocabulary; not thread-safe.
 */
public final class Sampler {
  private static final double GREEDY_BELOW = 1e-5;
  private static final int BLOCK = 64;

  private final float[] row;
  private final double[] blockSums;
  private final TopTokens top;

  public Sampler(int vocabularySize) {
    row = new float[vocabularySize];
    blockSums = new double[(vocabularySize + BLOCK - 1) / BLOCK];
    top = new TopTokens(vocabularySize);
  }

  /**
   * The token at a position of an answer.
   *
   * @param logits rows of the vocabulary's size; not changed
   * @param rowIndex which row
   * @param counts tokens so far; read only when {@link TokenCounts#needed}, and may be null else
   * @param position position in the answer, from 0
   * @throws BadLogitsException when the row holds NaN, +infinity or nothing finite
   */
  public int sample(
      FloatBuffer logits, int rowIndex, SamplingParams params, TokenCounts counts, int position)
      throws BadLogitsException {
    logits.get(rowIndex * row.length, row, 0, row.length);
    if (TokenCounts.needed(params)) {
      counts.penalise(row, params);
    }
    int best = likeliest(row);
    if (params.temperature() < GREEDY_BELOW || params.topK() == 1) {
      return best;
    }
    double u = CounterRandom.uniform(params.seed(), position);
    double scale = 1 / params.temperature();
    double max = row[best];
    if (params.topK() > 0 && params.topK() < row.length) {
      top.selectTop(row, params.topK());
      if (params.topP() < 1) {
        cutToNucleus(params.topP(), max, scale);
      }
      return drawSelected(params.minP(), max, scale, u);
    }
    if (params.topP() < 1) {
      selectNucleus(params.topP(), max, scale);
      return drawSelected(params.minP(), max, scale, u);
    }
    return params.minP() > 0 ? drawAbove(params.minP(), max, scale, u) : drawAll(max, scale, u);
  }

  /** The likeliest token, the lowest id of equals. */
  static int likeliest(float[] row) throws BadLogitsException {
    float max = Float.NEGATIVE_INFINITY;
    int best = -1;
    for (int i = 0; i < row.length; i++) {
      float logit = row[i];
      if (!(logit <= max)) { // greater, or NaN
        if (Float.isNaN(logit)) {
          throw new BadLogitsException("the logit of token " + i + " is NaN");
        }
        max = logit;
        best = i;
      }
    }
    if (best < 0 || max == Float.POSITIVE_INFINITY) {
      throw new BadLogitsException(
          best < 0 ? "no logit is finite" : "the logit of token " + best + " is infinite");
    }
    return best;
  }

  /** Sum of the weights exp((logit - max) * scale) in a fixed order; fills the blocks' sums. */
  static double total(float[] row, double max, double scale, double[] blockSums) {
    double total = 0;
    for (int block = 0; block < blockSums.length; block++) {
      int end = Math.min(row.length, (block + 1) * BLOCK);
      int i = block * BLOCK;
      double s0 = 0;
      double s1 = 0;
      double s2 = 0;
      double s3 = 0;
      for (; i + 3 < end; i += 4) { // four sums, so that additions do not wait for each other
        s0 += Exp.ofNegative((row[i] - max) * scale);
        s1 += Exp.ofNegative((row[i + 1] - max) * scale);
        s2 += Exp.ofNegative((row[i + 2] - max) * scale);
        s3 += Exp.ofNegative((row[i + 3] - max) * scale);
      }
      for (; i < end; i++) {
        s0 += Exp.ofNegative((row[i] - max) * scale);
      }
      blockSums[block] = (s0 + s1) + (s2 + s3);
      total += blockSums[block];
    }
    return total;
  }

  private int drawAll(double max, double scale, double u) {
    double target = u * total(row, max, scale, blockSums);
    double sum = 0;
    int block = 0;
    while (block < blockSums.length - 1 && sum + blockSums[block] <= target) {
      sum += blockSums[block++];
    }
    int last = -1;
    for (int i = block * BLOCK; i < Math.min(row.length, (block + 1) * BLOCK); i++) {
      double weight = Exp.ofNegative((row[i] - max) * scale);
      if (weight > 0) {
        sum += weight;
        last = i;
        if (sum > target) {
          return i;
        }
      }
    }
    // rounding only: the block's sum passed the target, or it was the last block
    return last >= 0 ? last : lastPossible(block, max, scale);
  }

  private int lastPossible(int block, double max, double scale) {
    for (int i = block * BLOCK - 1; i >= 0; i--) {
      if (Exp.ofNegative((row[i] - max) * scale) > 0) {
        return i;
      }
    }
    throw new IllegalStateException("the likeliest token has weight 1");
  }

  private int drawAbove(double minP, double max, double scale, double u) {
    // in logits, with a margin for rounding; the exact test follows
    double atLeast = max + StrictMath.log(Math.min(minP, 1)) / scale - 1e-3 * (1 + Math.abs(max));
    double sum = 0;
    for (int i = 0; i < row.length; i++) {
      if (row[i] >= atLeast) {
        double weight = Exp.ofNegative((row[i] - max) * scale);
        sum += weight >= minP || row[i] == max ? weight : 0;
      }
    }
    double target = u * sum;
    sum = 0;
    int last = -1;
    for (int i = 0; i < row.length; i++) {
      if (row[i] >= atLeast) {
        double weight = Exp.ofNegative((row[i] - max) * scale);
        if (weight >= minP || row[i] == max) {
          sum += weight;
          last = i;
          if (sum > target) {
            return i;
          }
        }
      }
    }
    return last;
  }

  /** Of the whole row, without sorting it. */
  private void selectNucleus(double topP, double max, double scale) {
    double total = total(row, max, scale, blockSums);
    // tokens below (1 - p) * total / V weigh less than (1 - p) * total together: none is needed
    double leastWeight = (1 - topP) * total / row.length;
    double atLeast =
        max
            + StrictMath.log(Math.max(leastWeight, Double.MIN_NORMAL)) / scale
            - 1e-3 * (1 + Math.abs(max));
    double sum = 0;
    for (int n = top.collect(row, Math.min(atLeast, max)); n > 0; n--) {
      sum += Exp.ofNegative((top.popLikeliest(n) - max) * scale);
      if (sum >= topP * total) {
        return;
      }
    }
  }

  /** Of what top-k left. */
  private void cutToNucleus(double topP, double max, double scale) {
    double total = 0;
    for (int i = 0; i < top.size(); i++) {
      total += Exp.ofNegative((top.logit(i) - max) * scale);
    }
    double sum = 0;
    for (int i = 0; i < top.size(); i++) {
      sum += Exp.ofNegative((top.logit(i) - max) * scale);
      if (sum >= topP * total) {
        top.truncate(i + 1);
        return;
      }
    }
  }

  private int drawSelected(double minP, double max, double scale, double u) {
    double total = 0;
    int kept = 0;
    while (kept < top.size()) {
      double weight = Exp.ofNegative((top.logit(kept) - max) * scale);
      if (kept > 0 && (weight < minP || weight == 0)) {
        break; // sorted: the rest weighs no more
      }
      total += weight;
      kept++;
    }
    double target = u * total;
    double sum = 0;
    for (int i = 0; i < kept - 1; i++) {
      sum += Exp.ofNegative((top.logit(i) - max) * scale);
      if (sum > target) {
        return top.id(i);
      }
    }
    return top.id(kept - 1);
  }
}
