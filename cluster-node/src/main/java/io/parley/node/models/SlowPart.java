package io.parley.node.models;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * A part of a model's life that blocks. It can be cancelled: {@link #check}, which it calls as it
 * gets on, throws, and its thread is interrupted if it allows that, which ends waits for the
 * network, for a process or for another one's lock. What does neither, such as TensorFlow restoring
 * a checkpoint, runs to its end first.
 */
final class SlowPart {
  /** Does it. */
  @FunctionalInterface
  interface Task<T> {
    T run() throws InterruptedException;
  }

  private boolean cancelled; // guarded by this
  private boolean interruptible; // guarded by this
  private Thread thread; // guarded by this; null while it does not run

  /** Begins a task that may be interrupted; there is one at a time. */
  <T> CompletionStage<T> run(Task<T> task, Executor blocking) {
    return CompletableFuture.supplyAsync(running(task, true), blocking);
  }

  /** Begins a task that only ends by itself, or where it checks. */
  <T> CompletionStage<T> runUninterrupted(Task<T> task, Executor blocking) {
    return CompletableFuture.supplyAsync(running(task, false), blocking);
  }

  private <T> Supplier<T> running(Task<T> task, boolean mayBeInterrupted) {
    return () -> {
      enter(mayBeInterrupted);
      try {
        return task.run();
      } catch (InterruptedException e) {
        throw new CompletionException(e);
      } finally {
        leave();
      }
    };
  }

  private synchronized void enter(boolean mayBeInterrupted) {
    check();
    interruptible = mayBeInterrupted;
    thread = Thread.currentThread();
  }

  /** The thread is the pool's again: an interrupt that came late is not for its next task. */
  private synchronized void leave() {
    thread = null;
    Thread.interrupted();
  }

  /** Ends it where it safely can; without effect when it has ended. Called by any thread. */
  synchronized void cancel() {
    cancelled = true;
    if (thread != null && interruptible) {
      thread.interrupt();
    }
  }

  /**
   * Called by the task where it can end.
   *
   * @throws CancellationException when it shall
   */
  synchronized void check() {
    if (cancelled) {
      throw new CancellationException("it was unloaded");
    }
  }
}
