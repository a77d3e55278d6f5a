package io.parley.workers.sampling;

/**
 * The exponential function for x ≤ 0, by table and polynomial: relative error below 1e-12, about
 * five times as fast as {@link Math#exp}, and the same bits on every machine, which Math.exp does
 * not promise.
 */
final class Exp {
  private static final int STEPS = 256; // a power of two
  private static final double PER_STEP = STEPS / 0.6931471805599453;
  // ln 2 / 256 in two parts; the high one has its low 32 bits zero, so that k * HIGH is exact
  private static final double HIGH =
      Double.longBitsToDouble(
          Double.doubleToRawLongBits(0.6931471805599453 / STEPS) & 0xffffffff00000000L);
  private static final double LOW = 0.6931471805599453 / STEPS - HIGH;
  private static final double SMALLEST = -700; // below it the result is taken as 0
  private static final double[] TABLE = new double[STEPS];

  static {
    for (int i = 0; i < STEPS; i++) {
      TABLE[i] = StrictMath.pow(2, (double) i / STEPS);
    }
  }

  private Exp() {}

  /** e to the power of x; 0 for x below -700 and for -infinity. */
  static double ofNegative(double x) {
    if (x < SMALLEST) {
      return 0;
    }
    int k = (int) (x * PER_STEP - 0.5);
    double r = (x - k * HIGH) - k * LOW;
    double p = 1 + r * (1 + r * (0.5 + r * (1.0 / 6)));
    double scale = Double.longBitsToDouble((long) (1023 + (k >> 8)) << 52);
    return p * TABLE[k & (STEPS - 1)] * scale;
  }
}
