package io.parley.workers.constraint;

/** A set of byte values, immutable. */
record ByteSet(long bits0, long bits1, long bits2, long bits3) {
  static final ByteSet ALL = new ByteSet(-1, -1, -1, -1);

  private static final ByteSet NONE = new ByteSet(0, 0, 0, 0);

  static ByteSet of(int value) {
    return range(value, value);
  }

  static ByteSet of(String ascii) {
    ByteSet set = NONE;
    for (int i = 0; i < ascii.length(); i++) {
      set = set.or(of(ascii.charAt(i)));
    }
    return set;
  }

  /** From first to last, both in it. */
  static ByteSet range(int first, int last) {
    long[] bits = new long[4];
    for (int value = first; value <= last; value++) {
      bits[value >> 6] |= 1L << value;
    }
    return new ByteSet(bits[0], bits[1], bits[2], bits[3]);
  }

  ByteSet or(ByteSet other) {
    return new ByteSet(
        bits0 | other.bits0, bits1 | other.bits1, bits2 | other.bits2, bits3 | other.bits3);
  }

  ByteSet minus(ByteSet other) {
    return new ByteSet(
        bits0 & ~other.bits0, bits1 & ~other.bits1, bits2 & ~other.bits2, bits3 & ~other.bits3);
  }

  boolean has(int value) {
    long word =
        switch (value >> 6) {
          case 0 -> bits0;
          case 1 -> bits1;
          case 2 -> bits2;
          default -> bits3;
        };
    return (word >>> value & 1) != 0;
  }

  boolean isEmpty() {
    return (bits0 | bits1 | bits2 | bits3) == 0;
  }
}
