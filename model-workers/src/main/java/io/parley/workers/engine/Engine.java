package io.parley.workers.engine;

import java.nio.FloatBuffer;
import java.util.Optional;

/**
 * A model replica's forward pass on one device, at the level of one iteration. The caller owns KV
 * block allocation, batching and sampling; the engine owns weights and the KV memory itself.
 *
 * <p>Not thread-safe: one thread calls it.
 */
public interface Engine extends AutoCloseable {
  /** What the engine offers; constant. */
  EngineSpec spec();

  /**
   * One forward pass. Keys and values of every input token are written to its sequence's blocks
   * before attention, so a token sees itself and all earlier positions.
   *
   * @return logits, row-major {@code [input.rows().length, vocabularySize]}; the engine's own
   *     memory, not to be read any more after the next call or {@link #close}
   * @throws IllegalArgumentException when a position, block or shape is out of range
   * @throws EngineException when the device fails
   */
  FloatBuffer step(StepInput input);

  /**
   * Weighs rows of the logits that the last step gave.
   *
   * @param rows ascending, of those logits
   * @param scales of each; finite and positive
   * @return empty: this engine leaves it to its caller
   * @throws EngineException when the device fails
   */
  default Optional<RowSums> weigh(int[] rows, double[] scales) {
    return Optional.empty();
  }

  /** The calling thread is the one that calls from now on; a device may bind it to its cores. */
  default void ownThread() {}

  /** What it computes on, as {@link Device} names it. */
  default String device() {
    return Device.CPU.label();
  }

  @Override
  void close();
}
