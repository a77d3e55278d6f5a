package io.parley.workers.engine.tensorflow;

/** The upper half of a 32-bit float. */
final class Bfloat16 {
  private Bfloat16() {}

  /** The nearest one, ties to even. Not-a-number stays so. */
  static short round(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  static float widen(short value) {
    return Float.intBitsToFloat(value << 16);
  }
}
