package io.parley.workers.engine.simulated;

/** SplitMix64's step (Steele, Lea, Flood 2014). */
final class Hash {
  private Hash() {}

  static long mix(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** In [0, 1). */
  static double uniform(long hash) {
    return (hash >>> 11) * 0x1p-53;
  }
}
