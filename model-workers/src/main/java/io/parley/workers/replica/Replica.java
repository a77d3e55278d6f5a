package io.parley.workers.replica;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.engine.Device;
import java.time.Duration;

/**
 * One model on one device, as the worker actor drives it: run this work, give me tokens, cancel.
 * Thread-safe; no method blocks for longer than it takes to enqueue.
 */
public interface Replica extends AutoCloseable {
  ModelInfo model();

  /** How many works can run at once. */
  int slots();

  /** Names the arithmetic: same variant, same weights, same bits. */
  String variant();

  /**
   * Runs a work until it finishes, fails or is cancelled. The listener is called from the replica's
   * own threads, in order, and must not block.
   *
   * @return false when there is no room for it just now and its listener is not called: cancelled
   *     works leave with the next iteration only, so ask again after a little while
   */
  boolean start(Work work, Listener listener);

  /**
   * Stops a work at the next iteration; its listener is not called any more. Unknown ids are fine.
   */
  void cancel(AttemptId id);

  /**
   * Whether the replica is of no more use: every work failed, and no other will run. The failure of
   * a work alone says nothing of the kind.
   */
  boolean isBroken();

  /** What it computes on, in a word. */
  default String device() {
    return Device.CPU.label();
  }

  /** How long the iteration that runs now has lasted; zero between two, or when nobody can say. */
  default Duration iterationAge() {
    return Duration.ZERO;
  }

  @Override
  void close();

  /** Events of one work: admitted, then tokens, then exactly one of finished and failed. */
  interface Listener {
    void admitted(PromptInfo prompt);

    /** The next token; the first one has index {@code work.prefix().size()}. */
    void token(Token token);

    void finished(Finish finish);

    void failed(FailureCode code, String message);
  }
}
