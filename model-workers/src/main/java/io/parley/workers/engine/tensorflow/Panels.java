package io.parley.workers.engine.tensorflow;

import org.tensorflow.ndarray.Shape;

/**
 * A matrix as Parley's products read it: panels of 32 columns, the inputs of a column in pairs.
 * What the last panel lacks is zeros.
 */
final class Panels {
  private static final int COLUMNS = 32;
  private static final int STEPS_BYTES = COLUMNS * Float.BYTES;

  private Panels() {}

  static Shape shape(int inputs, int columns) {
    return Shape.of((columns + COLUMNS - 1) / COLUMNS, inputs / 2, COLUMNS, 2);
  }

  /** Where a value lies in {@code [panels, inputs / 2, 32, 2]}. */
  static int index(int column, int input, int inputs) {
    return column / COLUMNS * inputs * COLUMNS + inPanel(column, input);
  }

  private static int inPanel(int column, int input) {
    return (input / 2 * COLUMNS + column % COLUMNS) * 2 + input % 2;
  }

  /** The same of 8-bit integers: a panel's values, then the step of each of its columns. */
  static Shape int8Shape(int inputs, int columns) {
    return Shape.of((columns + COLUMNS - 1) / COLUMNS, bytes(inputs));
  }

  private static int bytes(int inputs) {
    return inputs * COLUMNS + STEPS_BYTES;
  }

  /** Where the byte of a value lies in {@code [panels, bytes]}. */
  static int int8Index(int column, int input, int inputs) {
    return column / COLUMNS * bytes(inputs) + inPanel(column, input);
  }

  /** Where the step of a column, a float, begins. */
  static int stepIndex(int column, int inputs) {
    return column / COLUMNS * bytes(inputs) + inputs * COLUMNS + column % COLUMNS * Float.BYTES;
  }
}
