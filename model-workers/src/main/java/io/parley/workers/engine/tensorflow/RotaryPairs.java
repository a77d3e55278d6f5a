package io.parley.workers.engine.tensorflow;

/** Which values of a head RoPE turns together, in the order of a model file. */
enum RotaryPairs {
  /** Value 2i and value 2i + 1. */
  ADJACENT,
  /** The value i and the one half of the turned values later. */
  HALVES;

  /**
   * A value's pair.
   *
   * @param value of a head
   * @param turned how many of a head's values are turned, the first ones
   */
  int pair(int value, int turned) {
    return split(value, turned) ? value % (turned / 2) : value / 2;
  }

  /** Whether the value is its pair's second. */
  boolean second(int value, int turned) {
    return split(value, turned) ? value >= turned / 2 : value % 2 == 1;
  }

  /** What is not turned is paired with its neighbour, too. */
  private boolean split(int value, int turned) {
    return this == HALVES && value < turned;
  }
}
