package io.parley.routing;

import java.time.Duration;
import java.util.OptionalDouble;

/**
 * How fast a queue has drained of late, while something waited in it: hand-outs over time, both
 * fading with age, so that a burst counts for what it is.
 */
final class DrainRate {
  /** What is this old counts a third of what is new. */
  private static final double FADING_NANOS = 20e9;

  private static final int SAMPLES_MIN = 10;
  private static final double NANOS_MAX = 1e9 * 24 * 60 * 60;

  private long lastNanos;
  private double works;
  private double nanos;
  private int samples;

  /** The queue became non-empty: the time before says nothing of how fast it drains. */
  void startWaiting(long nowNanos) {
    lastNanos = nowNanos;
  }

  void handedOut(long nowNanos) {
    double gap = Math.max(0, nowNanos - lastNanos);
    double kept = Math.exp(-gap / FADING_NANOS);
    works = works * kept + 1;
    nanos = nanos * kept + gap;
    samples = Math.min(samples + 1, SAMPLES_MIN);
    lastNanos = nowNanos;
  }

  /** The time for {@code works} to be handed out; when nothing moves, it grows as time passes. */
  Duration timeFor(int works, long nowNanos) {
    double idle = Math.max(0, nowNanos - lastNanos);
    double interval = Math.max(this.works == 0 ? 0 : nanos / this.works, idle);
    return Duration.ofNanos(Math.round(Math.min(interval * works, NANOS_MAX)));
  }

  /** The measured nanoseconds between two hand-outs; absent while there were too few of them. */
  OptionalDouble intervalNanos() {
    return samples < SAMPLES_MIN ? OptionalDouble.empty() : OptionalDouble.of(nanos / works);
  }
}
