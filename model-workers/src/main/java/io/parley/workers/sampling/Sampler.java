package io.parley.workers.sampling;

import io.parley.routing.protocol.SamplingParams;
import io.parley.workers.engine.RowSums;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Draws the next token from a row of logits. In this order:
 *
 * <ol>
 *   <li>the log-probabilities that are reported ({@link LogProbs}) are those of the raw logits over
 *       the whole vocabulary, as OpenAI and vLLM report them: nothing below touches them;
 *   <li>where the answer has a form, tokens that would leave it become impossible;
 *   <li>repetition penalty over prompt and answer, then presence and frequency penalty over the
 *       answer;
 *   <li>temperature; below 1e-5 the likeliest token is taken and nothing is drawn;
 *   <li>top-k;
 *   <li>top-p: of what top-k left, the fewest likeliest tokens whose probability reaches it;
 *   <li>min-p: of these, the ones with at least this fraction of the likeliest one's probability;
 *   <li>the draw: one uniform number, a hash of (seed, position) alone, looked up in the cumulative
 *       sum of what is left, by id.
 * </ol>
 *
 * <p>Without limits the draw is over the whole vocabulary. Among equal logits the lower id comes
 * first everywhere. Weights are doubles, summed up in a fixed order, so the same row gives the same
 * token on every machine. A logit of -infinity is a probability of 0, and so is one of less than
 * e^-60 of the likeliest token's, which no draw of 53 bits could meet.
 *
 * <p>Holds scratch memory of about 32 bytes for each token of the vocabulary; not thread-safe.
 */
public final class Sampler {
  static final double GREEDY_BELOW = 1e-5;
  private static final double ROUNDING = 1e-9; // relative; far above that of any sum here
  private static final double PROBABLE_DEPTH = 6; // most nuclei end above it
  private static final int BINS_OF_ONE = 16;
  private static final int BINS = 64 * BINS_OF_ONE;

  private final float[] row;
  private final FloatBuffer rowBuffer;
  private final ArgMax argMax;
  private final Weights weights;
  private final TopTokens top;
  private final double[] binSums = new double[BINS];
  private double collectedSum;

  /** The tokens that are left, by id, and their cumulative weights. */
  private final int[] kept;

  private final double[] keptSums;
  private int keptCount;

  /** Of rows of the logits at hand; null: of none. */
  private RowSums sums;

  public Sampler(int vocabularySize) {
    row = new float[vocabularySize];
    rowBuffer = FloatBuffer.wrap(row);
    argMax = new ArgMax(vocabularySize);
    weights = new Weights(vocabularySize);
    top = new TopTokens(vocabularySize);
    kept = new int[vocabularySize];
    keptSums = new double[vocabularySize];
  }

  /**
   * The scale of the sums that save a row's draw most of its work; 0: none would.
   *
   * @param any whether every token is allowed
   */
  public static double scaleOfSums(SamplingParams params, boolean any) {
    boolean whole = params.topK() <= 0 && (params.topP() < 1 || params.minP() <= 0);
    boolean drawn = params.temperature() >= GREEDY_BELOW;
    return any && whole && drawn && !TokenCounts.needed(params) ? 1 / params.temperature() : 0;
  }

  /**
   * From now on the logits are others, of which these sums are known. A row is drawn with them
   * where they are those that {@link #scaleOfSums} asks for, and without them else; the token is
   * the same.
   *
   * @param sums null: none
   */
  public void know(RowSums sums) {
    this.sums = sums;
  }

  /** As below, where every token is allowed. */
  public int sample(
      FloatBuffer logits, int rowIndex, SamplingParams params, TokenCounts counts, int position)
      throws BadLogitsException {
    return sample(logits, rowIndex, params, counts, position, null);
  }

  /**
   * The token at a position of an answer.
   *
   * @param logits rows of the vocabulary's size; not changed
   * @param rowIndex which row
   * @param counts tokens so far; read only when {@link TokenCounts#needed}, and may be null else
   * @param position position in the answer, from 0
   * @param allowed the tokens that may be drawn, as bits by id; null: all
   * @throws BadLogitsException when the row holds NaN, +infinity or nothing finite, as far as it is
   *     allowed
   */
  public int sample(
      FloatBuffer logits,
      int rowIndex,
      SamplingParams params,
      TokenCounts counts,
      int position,
      long[] allowed)
      throws BadLogitsException {
    int from = rowIndex * row.length;
    boolean greedy = params.temperature() < GREEDY_BELOW || params.topK() == 1;
    boolean penalties = TokenCounts.needed(params);
    if (greedy && !penalties && allowed == null) {
      return argMax.of(logits, from);
    }
    double known = sums == null ? 0 : scaleOfSums(params, allowed == null);
    int i = known > 0 ? Arrays.binarySearch(sums.rows(), rowIndex) : -1;
    if (i >= 0 && sums.scales()[i] == known) {
      weights.adopt(logits, from, sums, i);
      return drawWeighed(logits, from, params, position);
    }
    logits.get(from, row);
    if (allowed != null) {
      keepOnly(allowed);
    }
    if (penalties) {
      counts.penalise(row, params);
    }
    int best = argMax.of(rowBuffer, 0);
    if (greedy) {
      return best;
    }
    double u = CounterRandom.uniform(params.seed(), position);
    double scale = 1 / params.temperature();
    double max = row[best];
    if (params.topK() > 0 && params.topK() < row.length) {
      keepTop(params, max, scale);
    } else if (params.topP() < 1) {
      weights.compute(row, max, scale);
      keepNucleus(params.topP(), params.minP(), max, scale);
    } else if (params.minP() > 0) {
      keepAbove(params.minP(), max, scale);
    } else {
      weights.compute(row, max, scale);
      return weights.firstAbove(u * weights.total());
    }
    return kept[firstAbove(u * keptSums[keptCount - 1])];
  }

  /** Draws from a row whose sums are known. */
  private int drawWeighed(FloatBuffer logits, int from, SamplingParams params, int position)
      throws BadLogitsException {
    double max = ArgMax.checked(weights.max());
    double u = CounterRandom.uniform(params.seed(), position);
    if (params.topP() >= 1) {
      return weights.firstAbove(u * weights.total());
    }
    logits.get(from, row);
    keepNucleus(params.topP(), params.minP(), max, 1 / params.temperature());
    return kept[firstAbove(u * keptSums[keptCount - 1])];
  }

  private void keepOnly(long[] allowed) {
    for (int word = 0; word < allowed.length; word++) {
      int first = word * Long.SIZE;
      int end = Math.min(row.length, first + Long.SIZE);
      if (allowed[word] == 0) {
        Arrays.fill(row, first, end, Float.NEGATIVE_INFINITY);
      } else if (allowed[word] != -1) {
        for (int id = first; id < end; id++) {
          row[id] = (allowed[word] >>> id & 1) != 0 ? row[id] : Float.NEGATIVE_INFINITY;
        }
      }
    }
  }

  private double weight(float logit, double max, double scale) {
    return Exp.ofNegative((logit - max) * scale);
  }

  private void keep(int id, double weight) {
    kept[keptCount] = id;
    keptSums[keptCount] = weight + (keptCount > 0 ? keptSums[keptCount - 1] : 0);
    keptCount++;
  }

  /** Top-k, and of it top-p and min-p. */
  private void keepTop(SamplingParams params, double max, double scale) {
    top.selectTop(row, params.topK());
    double total = 0;
    for (int i = 0; params.topP() < 1 && i < top.size(); i++) {
      total += weight(top.logit(i), max, scale);
    }
    double sum = 0;
    int count = 0;
    while (count < top.size()) {
      double weight = weight(top.logit(count), max, scale);
      boolean enough = params.topP() < 1 && sum >= params.topP() * total;
      if (count > 0 && (enough || weight < params.minP() || weight == 0)) {
        break; // sorted: the rest weighs no more
      }
      sum += weight;
      count++;
    }
    keptCount = 0;
    for (int i = 0; i < count; i++) {
      kept[i] = top.id(i);
    }
    Arrays.sort(kept, 0, count);
    for (int i = 0; i < count; i++) {
      keep(kept[i], weight(row[kept[i]], max, scale));
    }
  }

  private void keepAbove(double minP, double max, double scale) {
    // in logits, with a margin for rounding; the exact test follows
    double atLeast = max + StrictMath.log(Math.min(minP, 1)) / scale - 1e-3 * (1 + Math.abs(max));
    keptCount = 0;
    for (int id = 0; id < row.length; id++) {
      if (row[id] >= atLeast) {
        double weight = weight(row[id], max, scale);
        if (weight >= minP || row[id] == max) {
          keep(id, weight);
        }
      }
    }
  }

  /**
   * Top-p and min-p of a row that was weighed, without sorting: sums by bins of logits find the bin
   * in which the nucleus ends, and only that one is sorted.
   */
  private void keepNucleus(double topP, double minP, double max, double scale) {
    double target = topP * weights.total();
    int candidates = collect(max - PROBABLE_DEPTH / scale, max, scale);
    if (collectedSum < target * (1 + ROUNDING)) {
      // tokens below (1 - p) * total / V weigh less than (1 - p) * total together: none is needed
      double least = (1 - topP) * weights.total() / row.length;
      double depth = -StrictMath.log(Math.max(least, Double.MIN_NORMAL));
      candidates = collect(max - depth / scale - 1e-3 * (1 + Math.abs(max)), max, scale);
    }
    double sum = 0;
    int last = 0;
    while (last < BINS - 1 && sum + binSums[last] < target) {
      sum += binSums[last++];
    }
    top.clear();
    for (int i = 0; i < candidates; i++) {
      if (bin(kept[i], max, scale) == last) {
        top.add(kept[i], row[kept[i]]);
      }
    }
    top.sort();
    int ofLast = 0;
    while (ofLast < top.size() && (sum < target || (last == 0 && ofLast == 0))) { // one at least
      sum += weights.of(top.id(ofLast++));
    }
    float endLogit = ofLast > 0 ? top.logit(ofLast - 1) : Float.POSITIVE_INFINITY;
    int endId = ofLast > 0 ? top.id(ofLast - 1) : -1;
    keptCount = 0;
    for (int i = 0; i < candidates; i++) {
      int id = kept[i];
      boolean inside =
          bin(id, max, scale) < last || row[id] > endLogit || (row[id] == endLogit && id <= endId);
      if (inside && weights.of(id) > 0 && (weights.of(id) >= minP || row[id] == max)) {
        keep(id, weights.of(id)); // overwrites what was read already
      }
    }
  }

  /** Tokens of at least this logit, by id, and their sums by bins. */
  private int collect(double atLeast, double max, double scale) {
    Arrays.fill(binSums, 0);
    collectedSum = 0;
    int count = 0;
    for (int id = 0; id < row.length; id++) {
      if (row[id] >= atLeast) {
        double weight = weights.of(id);
        kept[count++] = id;
        binSums[bin(id, max, scale)] += weight;
        collectedSum += weight;
      }
    }
    return count;
  }

  /** Grows as the logit gets less, so that a bin's tokens are likelier than those of the next. */
  private int bin(int id, double max, double scale) {
    return (int) Math.min((max - row[id]) * scale * BINS_OF_ONE, BINS - 1);
  }

  /** The first place whose cumulative weight is above the target. */
  private int firstAbove(double target) {
    int low = 0;
    int high = keptCount - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (keptSums[middle] > target) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}
