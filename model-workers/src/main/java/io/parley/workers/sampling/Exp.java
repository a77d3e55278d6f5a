package io.parley.workers.sampling;

/**
 * The exponential function for x ≤ 0, as weights of tokens need it: against the weight 1 of the
 * likeliest token its error is below 1e-12, and what is below e^-60 is 0. The same bits on every
 * machine, which {@link Math#exp} does not promise.
 *
 * <p>It is e^(x/256), by Taylor's series, squared eight times: nothing but sums and products, so
 * that the compiler makes vector instructions of the loop over an array. It may, since each element
 * is computed by itself.
 */
final class Exp {
  private static final double DEEPEST = -60;
  private static final double PART = 1. / 256; // squared as often as this is a power of 1/2
  private static final double FLOOR = power(DEEPEST * PART);

  private Exp() {}

  static double ofNegative(double x) {
    return power(argument(x)) - FLOOR;
  }

  /** What {@link #ofArguments} takes for x. */
  static double argument(double x) {
    return Math.max(x, DEEPEST) * PART;
  }

  /** Replaces each {@link #argument} by its exponential. */
  static void ofArguments(double[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = power(values[i]) - FLOOR;
    }
  }

  private static double power(double y) {
    double p = 1 + y * (1 + y * (1. / 2 + y * (1. / 6 + y * (1. / 24 + y * (1. / 120)))));
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    return p * p;
  }
}
