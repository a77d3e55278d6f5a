package io.parley.workers;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.workers.replica.Replica;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;

/**
 * What a replica said of one attempt and its worker has not looked at yet. The replica's threads
 * write, the worker empties it. The worker is woken for what cannot wait (the first token, the
 * end); the admission goes with the first token, and other tokens wait for the worker's next tick,
 * so that a token costs no message.
 */
final class AttemptBuffer implements Replica.Listener {

  /** An end without a finish. */
  record Failure(FailureCode code, String message) {}

  /**
   * What came since the last look.
   *
   * @param prefillNanos from the admission to the first token, with the look that finds it
   */
  record Drained(
      Optional<PromptInfo> prompt,
      List<Token> tokens,
      Optional<Finish> finish,
      Optional<Failure> failure,
      OptionalLong prefillNanos) {}

  private final int tokensMax;
  private final Runnable wake;
  private final LongSupplier nanoTime;
  private List<Token> tokens = new ArrayList<>(); // guarded by this, as all below
  private Optional<PromptInfo> prompt = Optional.empty();
  private Optional<Finish> finish = Optional.empty();
  private Optional<Failure> failure = Optional.empty();
  private OptionalLong prefillNanos = OptionalLong.empty();
  private boolean wasAdmitted;
  private long admittedNanos;
  private int tokensSeen;
  private boolean closed;

  /**
   * @param tokensMax the most tokens the replica may give; one more fails the attempt
   * @param wake called on the replica's threads
   */
  AttemptBuffer(int tokensMax, Runnable wake) {
    this(tokensMax, wake, System::nanoTime);
  }

  AttemptBuffer(int tokensMax, Runnable wake, LongSupplier nanoTime) {
    this.tokensMax = tokensMax;
    this.wake = wake;
    this.nanoTime = nanoTime;
  }

  @Override
  public void admitted(PromptInfo info) {
    synchronized (this) {
      if (closed) {
        return;
      }
      prompt = Optional.of(info);
      wasAdmitted = true;
      admittedNanos = nanoTime.getAsLong();
    }
  }

  @Override
  public void token(Token token) {
    synchronized (this) {
      if (closed) {
        return;
      }
      tokensSeen++;
      if (!wasAdmitted || tokensSeen > tokensMax) {
        end(Optional.empty(), Optional.of(unexpected("a token more than was asked for")));
      } else {
        tokens.add(token);
        if (tokensSeen > 1) {
          return;
        }
        prefillNanos = OptionalLong.of(nanoTime.getAsLong() - admittedNanos);
      }
    }
    wake.run();
  }

  @Override
  public void finished(Finish last) {
    synchronized (this) {
      if (wasAdmitted) {
        end(Optional.of(last), Optional.empty());
      } else {
        end(Optional.empty(), Optional.of(unexpected("a finish before the admission")));
      }
    }
    wake.run();
  }

  @Override
  public void failed(FailureCode code, String message) {
    synchronized (this) {
      end(Optional.empty(), Optional.of(new Failure(code, message)));
    }
    wake.run();
  }

  /** Takes out what is there. */
  synchronized Drained drain() {
    Drained drained = new Drained(prompt, tokens, finish, failure, prefillNanos);
    tokens = new ArrayList<>();
    prompt = Optional.empty();
    finish = Optional.empty();
    failure = Optional.empty();
    prefillNanos = OptionalLong.empty();
    return drained;
  }

  /** Takes out what is there and nothing that comes later. */
  synchronized Drained close() {
    closed = true;
    return drain();
  }

  private void end(Optional<Finish> last, Optional<Failure> reason) {
    if (!closed) {
      closed = true;
      finish = last;
      failure = reason;
    }
  }

  private static Failure unexpected(String what) {
    return new Failure(FailureCode.ENGINE_FAILED, "the replica gave " + what);
  }
}
