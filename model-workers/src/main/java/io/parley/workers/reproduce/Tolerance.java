package io.parley.workers.reproduce;

/**
 * How far results may be apart where the bits are not the same.
 *
 * @param logit of one logit on its way into a draw
 * @param logProb of a recorded log-probability of a likely token
 */
public record Tolerance(double logit, double logProb) {
  /** A multiple of what was met; docs/decisions/reproduce.md has the figures. */
  public static final Tolerance BETWEEN_VARIANTS = new Tolerance(0.25, 1);

  public Tolerance {
    if (!(logit >= 0) || !(logProb >= 0)) {
      throw new IllegalArgumentException("a tolerance is not negative");
    }
  }
}
