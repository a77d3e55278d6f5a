package io.parley.workers.sampling;

import io.parley.routing.protocol.SamplingParams;
import java.nio.FloatBuffer;

/**
 * Whether a token could have been drawn from logits that differ from the ones at hand by rounding:
 * by at most so much each. It never denies a token that such logits give; it may admit one that no
 * such logits give, since it bounds the weights of others one by one. Not thread-safe.
 */
public final class NearDraw {
  private static final double EXPONENT_MAX = 300; // of a factor between two weights
  private static final double ROUNDING = 1e-9;

  private final float[] row;
  private final TopTokens sorted;
  private final double[] weightOf;
  private final boolean[] possible; // by id: may be left by top-k, top-p and min-p
  private final boolean[] certain; // by id: is left by them in any case
  private final double[] before; // by place: what is likelier weighs together

  public NearDraw(int vocabularySize) {
    row = new float[vocabularySize];
    sorted = new TopTokens(vocabularySize);
    weightOf = new double[vocabularySize];
    possible = new boolean[vocabularySize];
    certain = new boolean[vocabularySize];
    before = new double[vocabularySize + 1];
  }

  /**
   * The question.
   *
   * @param token which one was drawn, by what is said of it
   * @param by the most that a logit differs by, from 0
   * @param rowIndex with the rest as in {@link Sampler#sample}
   */
  public boolean could(
      int token,
      double by,
      FloatBuffer logits,
      int rowIndex,
      SamplingParams params,
      TokenCounts counts,
      int position,
      long[] allowed) {
    if (token < 0 || token >= row.length) {
      return false;
    }
    logits.get(rowIndex * row.length, row);
    for (int id = 0; allowed != null && id < row.length; id++) {
      if ((allowed[id / Long.SIZE] >>> id & 1) == 0) {
        row[id] = Float.NEGATIVE_INFINITY;
      }
    }
    double margin = by;
    if (TokenCounts.needed(params)) {
      counts.penalise(row, params);
      margin *= Math.max(params.repetitionPenalty(), 1 / params.repetitionPenalty());
    }
    sorted.selectTop(row, row.length);
    double max = sorted.logit(0);
    if (row[token] == Float.NEGATIVE_INFINITY || Double.isNaN(max) || Double.isInfinite(max)) {
      return false;
    }
    if (params.temperature() < Sampler.GREEDY_BELOW || params.topK() == 1) {
      return max - row[token] <= 2 * margin;
    }
    limit(params, margin, max);
    return possible[token] && isMet(token, params, position, factor(params, margin));
  }

  /** How much a weight may be greater than it is, or, inverted, less. */
  private static double factor(SamplingParams params, double margin) {
    return Math.exp(Math.min(EXPONENT_MAX, margin / params.temperature()));
  }

  /** Which tokens the limits leave. */
  private void limit(SamplingParams params, double margin, double max) {
    double factor = factor(params, margin);
    int size = row.length;
    for (int place = 0; place < size; place++) {
      double weight = Math.exp((sorted.logit(place) - max) / params.temperature());
      weightOf[sorted.id(place)] = weight;
      before[place + 1] = before[place] + weight;
    }
    int k = params.topK() > 0 ? params.topK() : size;
    int possibleOfTop = placesAbove(kth(k) - 2 * margin, true);
    int certainOfTop = k < size ? placesAbove(sorted.logit(k) + 2 * margin, false) : size;
    double mostOfTop = before[possibleOfTop] * factor;
    for (int place = 0; place < size; place++) {
      int id = sorted.id(place);
      double logit = sorted.logit(place);
      double weight = weightOf[id];
      double surelyBefore = before[placesAbove(logit + 2 * margin, false)] / factor;
      int maybeBefore = placesAbove(logit - 2 * margin, true);
      double mayBeBefore = (before[Math.min(maybeBefore, possibleOfTop)] - weight) * factor;
      double surelyBehind =
          weight / factor
              + Math.max(0, before[Math.max(maybeBefore, certainOfTop)] - before[maybeBefore])
                  / factor;
      possible[id] =
          place < possibleOfTop
              && weight * factor * factor >= params.minP() * (1 - ROUNDING)
              && (params.topP() >= 1
                  || surelyBefore <= params.topP() * (surelyBefore + mostOfTop) * (1 + ROUNDING));
      certain[id] =
          place < certainOfTop
              && weight / factor / factor >= params.minP() * (1 + ROUNDING)
              && (params.topP() >= 1
                  || mayBeBefore < params.topP() * (mayBeBefore + surelyBehind) * (1 - ROUNDING));
    }
  }

  private double kth(int k) {
    return sorted.logit(Math.min(k, row.length) - 1);
  }

  /** How many tokens have a greater logit, or also the same. */
  private int placesAbove(double logit, boolean orEqual) {
    int low = 0;
    int high = row.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      double there = sorted.logit(middle);
      if (there > logit || (orEqual && there == logit)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Whether the random number can fall to the token, whose place in the sum moves with others. */
  private boolean isMet(int token, SamplingParams params, int position, double factor) {
    double leastBelow = 0;
    double mostBelow = 0;
    double leastAbove = 0;
    double mostAbove = 0;
    for (int id = 0; id < row.length; id++) {
      double most = possible[id] ? weightOf[id] * factor : 0;
      double least = certain[id] ? weightOf[id] / factor : 0;
      if (id < token) {
        leastBelow += least;
        mostBelow += most;
      } else if (id > token) {
        leastAbove += least;
        mostAbove += most;
      }
    }
    double own = weightOf[token] * factor;
    double u = CounterRandom.uniform(params.seed(), position);
    double from = leastBelow / (leastBelow + own + mostAbove);
    double to = (mostBelow + own) / (mostBelow + own + leastAbove);
    return u >= from - ROUNDING && u <= to + ROUNDING;
  }
}
