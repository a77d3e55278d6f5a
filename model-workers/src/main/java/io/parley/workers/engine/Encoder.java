package io.parley.workers.engine;

import java.util.List;

/**
 * A text encoder's forward pass on one device: texts in, one vector for each out. It keeps nothing
 * from call to call.
 *
 * <p>Not thread-safe: one thread calls it.
 */
public interface Encoder extends AutoCloseable {
  /** What the encoder offers; constant. */
  EncoderSpec spec();

  /**
   * The embeddings of texts. A text's numbers do not depend on what else is in the call.
   *
   * @param texts token ids, each text of 1 to {@code contextLength} of them
   * @return {@code [texts][dimensions]}
   * @throws IllegalArgumentException when a token or a length is out of range
   * @throws EngineException when the device fails
   */
  float[][] embed(List<int[]> texts);

  /** The calling thread is the one that calls from now on; a device may bind it to its cores. */
  default void ownThread() {}

  /** What it computes on, as {@link Device} names it. */
  default String device() {
    return Device.CPU.label();
  }

  @Override
  void close();
}
