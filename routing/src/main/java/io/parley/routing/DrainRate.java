package io.parley.routing;

import java.time.Duration;

/** How fast a queue has drained of late: a moving average of the time between two hand-outs. */
final class DrainRate {
  private static final double WEIGHT_OF_NEWEST = 0.2;

  private static final double NANOS_MAX = 1e9 * 24 * 60 * 60;

  private long lastNanos;
  private double intervalNanos;
  private int samples;

  /** The queue became non-empty: the time before says nothing of how fast it drains. */
  void startWaiting(long nowNanos) {
    lastNanos = nowNanos;
  }

  void handedOut(long nowNanos) {
    double gap = Math.max(0, nowNanos - lastNanos);
    intervalNanos = samples == 0 ? gap : intervalNanos + WEIGHT_OF_NEWEST * (gap - intervalNanos);
    samples = Math.min(samples + 1, 1000);
    lastNanos = nowNanos;
  }

  /** The time for {@code works} to be handed out; when nothing moves, it grows as time passes. */
  Duration timeFor(int works, long nowNanos) {
    double idle = Math.max(0, nowNanos - lastNanos);
    double interval = Math.max(intervalNanos, idle);
    return Duration.ofNanos((long) Math.min(interval * works, NANOS_MAX));
  }
}
