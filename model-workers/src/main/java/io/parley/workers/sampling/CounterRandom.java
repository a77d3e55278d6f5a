package io.parley.workers.sampling;

/**
 * Counter-based random numbers: the number of a token depends on (seed, position) alone, so an
 * answer that another worker takes over goes on with the same numbers, and an audit can draw them
 * again. Two rounds of SplitMix64's finaliser (Steele, Lea, Flood 2014).
 */
final class CounterRandom {
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private CounterRandom() {}

  /** Uniform over the 2^53 multiples of 2^-53 in [0, 1). */
  static double uniform(long seed, int position) {
    long bits = mix(mix(seed + GOLDEN) + GOLDEN * (position + 1L));
    return (bits >>> 11) * 0x1p-53;
  }

  private static long mix(long value) {
    long z = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
