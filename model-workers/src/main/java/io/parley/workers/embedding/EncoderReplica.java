package io.parley.workers.embedding;

import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.engine.Encoder;
import io.parley.workers.text.TextTokenizer;

/** A loaded encoder with its tokenizer. */
public record EncoderReplica(ModelInfo model, Encoder encoder, TextTokenizer tokenizer)
    implements AutoCloseable {
  @Override
  public void close() {
    encoder.close();
    tokenizer.close();
  }

  /** Makes the replica that a worker drives, at the start and again after it broke. */
  @FunctionalInterface
  public interface Factory {
    /**
     * Loads the model. Called on a thread that may block, never twice at once.
     *
     * @throws Exception whatever made it fail; the worker logs it and tries again later
     */
    EncoderReplica open() throws Exception;
  }
}
