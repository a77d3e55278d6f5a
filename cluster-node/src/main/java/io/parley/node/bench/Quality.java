package io.parley.node.bench;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * How a model takes a text, token by token: its own perplexity, and how far its distributions are
 * from another one's. Not thread-safe.
 */
public final class Quality {
  private final int vocabulary;
  private double lossSum;
  private int scored;
  private int sameFirst;
  private double[] divergences = new double[1024];

  public Quality(int vocabulary) {
    this.vocabulary = vocabulary;
  }

  /**
   * What was found.
   *
   * @param scored tokens
   * @param perplexity e to the power of the mean of -ln p(token)
   * @param sameFirst share of the tokens for which both find the same one the likeliest
   * @param divergenceMean of the reference's distribution from this one (Kullback-Leibler, in nats)
   * @param divergenceP99 99 of 100 are at most this
   * @param divergenceMax the largest
   */
  public record Summary(
      int scored,
      double perplexity,
      double sameFirst,
      double divergenceMean,
      double divergenceP99,
      double divergenceMax) {}

  /**
   * Adds one place of the text.
   *
   * @param logits of the model; the row begins at {@code from}
   * @param reference of the other one, likewise
   * @param next the token that stands there
   */
  public void add(FloatBuffer logits, FloatBuffer reference, int from, int next) {
    double norm = logSum(logits, from);
    double referenceNorm = logSum(reference, from);
    double divergence = 0;
    int best = 0;
    int referenceBest = 0;
    for (int i = 0; i < vocabulary; i++) {
      double log = logits.get(from + i) - norm;
      double referenceLog = reference.get(from + i) - referenceNorm;
      divergence += Math.exp(referenceLog) * (referenceLog - log);
      best = logits.get(from + i) > logits.get(from + best) ? i : best;
      referenceBest =
          reference.get(from + i) > reference.get(from + referenceBest) ? i : referenceBest;
    }
    if (scored == divergences.length) {
      divergences = Arrays.copyOf(divergences, 2 * scored);
    }
    divergences[scored++] = Math.max(0, divergence); // below it by rounding alone
    sameFirst += best == referenceBest ? 1 : 0;
    lossSum += norm - logits.get(from + next);
  }

  private double logSum(FloatBuffer logits, int from) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      max = Math.max(max, logits.get(from + i));
    }
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits.get(from + i) - max);
    }
    return max + Math.log(sum);
  }

  /**
   * Sums up.
   *
   * @throws IllegalStateException when nothing was added
   */
  public Summary summary() {
    if (scored == 0) {
      throw new IllegalStateException("no token was scored");
    }
    double[] sorted = Arrays.copyOf(divergences, scored);
    Arrays.sort(sorted);
    return new Summary(
        scored,
        Math.exp(lossSum / scored),
        (double) sameFirst / scored,
        Arrays.stream(sorted).average().orElseThrow(),
        sorted[(int) Math.min(scored - 1L, scored * 99L / 100)],
        sorted[scored - 1]);
  }
}
