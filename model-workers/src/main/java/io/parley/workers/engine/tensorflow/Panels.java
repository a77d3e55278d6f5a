package io.parley.workers.engine.tensorflow;

import org.tensorflow.ndarray.Shape;

/**
 * A matrix as Parley's products read it: panels of 32 columns, the inputs of a column in pairs.
 * What the last panel lacks is zeros.
 */
final class Panels {
  private static final int COLUMNS = 32;

  private Panels() {}

  static Shape shape(int inputs, int columns) {
    return Shape.of((columns + COLUMNS - 1) / COLUMNS, inputs / 2, COLUMNS, 2);
  }

  /** Where a value lies in {@code [panels, inputs / 2, 32, 2]}. */
  static int index(int column, int input, int inputs) {
    int pair = column / COLUMNS * (inputs / 2) + input / 2;
    return (pair * COLUMNS + column % COLUMNS) * 2 + input % 2;
  }
}
