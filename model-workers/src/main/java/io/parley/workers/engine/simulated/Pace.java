package io.parley.workers.engine.simulated;

import java.util.concurrent.locks.LockSupport;

/**
 * Holds each step for its time. What the caller does between two steps that follow each other
 * closely counts as part of the second one, so that the set speed is the speed, whatever sampling
 * costs. Used by the engine's thread alone.
 */
final class Pace {
  /** The time, or a test's. */
  interface Time {
    long nanos();

    /** Returns when {@link #nanos} has come to this. */
    void sleepUntil(long dueNanos);
  }

  static final Time SYSTEM =
      new Time() {
        @Override
        public long nanos() {
          return System.nanoTime();
        }

        @Override
        public void sleepUntil(long dueNanos) {
          for (long left = dueNanos - nanos(); left > 0; left = dueNanos - nanos()) {
            LockSupport.parkNanos(left);
          }
        }
      };

  /** A longer gap is a pause, and what comes after it begins anew. */
  private static final long GAP_MAX_NANOS = 20_000_000;

  private final Time time;
  private long dueNanos;

  Pace(Time time) {
    this.time = time;
    dueNanos = time.nanos() - GAP_MAX_NANOS - 1;
  }

  /** Returns when a step of this length is over. */
  void hold(long stepNanos) {
    if (stepNanos <= 0) {
      return;
    }
    long now = time.nanos();
    boolean follows = now - dueNanos <= Math.min(stepNanos, GAP_MAX_NANOS);
    dueNanos = (follows ? dueNanos : now) + stepNanos;
    time.sleepUntil(dueNanos);
  }
}
