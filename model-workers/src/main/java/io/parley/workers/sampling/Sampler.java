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
 *       sum. Where top-k or top-p is on, the sum runs over the tokens likeliest first; where min-p
 *       alone is on, by id; else over the <em>head</em> by id, then over the rest by id. The head
 *       is what has at least e^-16 of the likeliest token's probability.
 * </ol>
 *
 * <p>Without limits the draw is over the whole vocabulary. Among equal logits the lower id comes
 * first everywhere. All arithmetic is in double and in a fixed order, so the same row gives the
 * same token on every machine. A logit of -infinity is a probability of 0.
 *
 * <p>The head is there for speed. The rest of the vocabulary weighs between nothing and e^-16 each;
 * mostly both bounds give the same token, and then its weights need not be computed. Where they do
 * not, they are: the result is that of the whole sum in any case.
 *
 * <p>Holds scratch memory of about 28 bytes for each token of the vocabulary; not thread-safe.
 */
public final class Sampler {
  private static final double GREEDY_BELOW = 1e-5;
  private static final int BLOCK = 64;
  private static final double HEAD_DEPTH = 16;
  private static final double HEAD_LEAST = StrictMath.exp(-HEAD_DEPTH);
  private static final double ROUNDING = 1e-12; // relative; far above that of any sum here

  private final float[] row;
  private final double[] blockSums;
  private final TopTokens top;
  private final int[] head; // ids
  private final double[] headSums; // cumulative weights
  private int headCount;

  public Sampler(int vocabularySize) {
    row = new float[vocabularySize];
    blockSums = new double[(vocabularySize + BLOCK - 1) / BLOCK];
    top = new TopTokens(vocabularySize);
    head = new int[vocabularySize];
    headSums = new double[vocabularySize];
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

  /** Finds the head and sums it up; gives its weight. */
  private double sumHead(double max, double scale) {
    double least = max - HEAD_DEPTH / scale;
    headCount = 0;
    double sum = 0;
    for (int i = 0; i < row.length; i++) {
      if (row[i] >= least) {
        sum += Exp.ofNegative((row[i] - max) * scale);
        head[headCount] = i;
        headSums[headCount++] = sum;
      }
    }
    return sum;
  }

  /** The most that the tokens outside of the head can weigh. */
  private double restMost() {
    return (row.length - headCount) * HEAD_LEAST * (1 + ROUNDING);
  }

  private int drawAll(double max, double scale, double u) {
    double headSum = sumHead(max, scale);
    int fewest = firstAbove(u * headSum * (1 - ROUNDING));
    int most = firstAbove(u * (headSum + restMost()) * (1 + ROUNDING));
    if (fewest == most && most < headCount) {
      return head[most];
    }
    double restSum = 0;
    int next = 0;
    for (int i = 0; i < row.length; i++) {
      if (next < headCount && head[next] == i) {
        next++;
      } else {
        restSum += Exp.ofNegative((row[i] - max) * scale);
      }
    }
    double target = u * (headSum + restSum);
    int found = firstAbove(target);
    return found < headCount ? head[found] : drawRest(headSum, target, max, scale);
  }

  private int drawRest(double headSum, double target, double max, double scale) {
    double sum = headSum;
    int next = 0;
    int last = head[headCount - 1]; // if rounding alone brought us here
    for (int i = 0; i < row.length; i++) {
      if (next < headCount && head[next] == i) {
        next++;
      } else {
        double weight = Exp.ofNegative((row[i] - max) * scale);
        if (weight > 0) {
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

  /** The head's first place whose cumulative weight is above the target; headCount if none is. */
  private int firstAbove(double target) {
    int low = 0;
    int high = headCount;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (headSums[middle] > target) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
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
    double headSum = sumHead(max, scale);
    double fewest = topP * headSum * (1 - ROUNDING);
    double most = topP * (headSum + restMost()) * (1 + ROUNDING);
    double sum = 0;
    int n = top.collect(row, max - HEAD_DEPTH / scale);
    for (; n > 0 && (sum == 0 || sum < fewest); n--) { // one at least
      sum += Exp.ofNegative((top.popLikeliest(n) - max) * scale);
    }
    if (sum < most) { // the rest of the vocabulary decides
      selectNucleusOfAll(topP, total(row, max, scale, blockSums), max, scale);
    }
  }

  private void selectNucleusOfAll(double topP, double total, double max, double scale) {
    // tokens below (1 - p) * total / V weigh less than (1 - p) * total together: none is needed
    double leastWeight = (1 - topP) * total / row.length;
    double atLeast =
        max
            + StrictMath.log(Math.max(leastWeight, Double.MIN_NORMAL)) / scale
            - 1e-3 * (1 + Math.abs(max));
    double sum = 0;
    int n = top.collect(row, Math.min(atLeast, max));
    for (; n > 0 && (sum == 0 || sum < topP * total); n--) {
      sum += Exp.ofNegative((top.popLikeliest(n) - max) * scale);
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
