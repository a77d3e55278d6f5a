package io.parley.workers.embedding;

import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.engine.Encoder;
import io.parley.workers.text.TextTokenizer;
import java.time.Duration;
import java.util.Collections;
import java.util.List;

/** A loaded encoder with its tokenizer. */
public record EncoderReplica(ModelInfo model, Encoder encoder, TextTokenizer tokenizer)
    implements AutoCloseable {
  /** A text like those to come, of a length that does not matter. */
  private static final String TEXT =
      "The keeper of the lighthouse, 71 years old, wrote: wind NW 6. ";

  /**
   * Runs a short text, then whole batches, so that the first user does not pay for what happens
   * only once. Begins none after {@code limit}.
   *
   * @return how many calls it made
   */
  public int warmUp(int batchTokens, Duration limit) {
    long begun = System.nanoTime();
    int[] text = tokenizer.encode(TEXT);
    List<int[]> batch = Collections.nCopies(Math.max(1, batchTokens / text.length), text);
    int calls = 0;
    for (List<int[]> texts : List.of(List.of(text), batch, batch)) {
      if (System.nanoTime() - begun >= limit.toNanos()) {
        break;
      }
      encoder.embed(texts);
      calls++;
    }
    return calls;
  }

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
