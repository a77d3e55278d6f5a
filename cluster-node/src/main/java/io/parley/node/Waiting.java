package io.parley.node;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Waits of a start, which ends with a line when they take too long or are interrupted. */
final class Waiting {
  private static final Duration POLL = Duration.ofMillis(20);

  private Waiting() {}

  /** Returns when the condition holds, or false when it did not in time. */
  static boolean until(long deadlineNanos, BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadlineNanos > 0) {
        return false;
      }
      pause(POLL);
    }
    return true;
  }

  static void pause(Duration duration) {
    try {
      Thread.sleep(duration.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartupException("interrupted", e);
    }
  }
}
