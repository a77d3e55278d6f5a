package io.parley.persistence;

import java.time.Duration;

/**
 * When a lease is to be renewed, and how long it is still held, in nanoseconds of one monotonic
 * clock. A renewal that failed is tried again soon: an outage then costs its own length of the
 * lease's time and at most a quarter more. Not thread-safe.
 */
final class LeaseClock {
  private static final int RENEWALS_PER_TTL = 4;
  private static final int RETRIES_PER_RENEWAL = 4;
  private static final Duration RETRY_MAX = Duration.ofSeconds(1);

  private final Duration ttl;
  private long renewedNanos;

  /**
   * @param takenNanos when the write that took the lease began
   */
  LeaseClock(Duration ttl, long takenNanos) {
    this.ttl = ttl;
    this.renewedNanos = takenNanos;
  }

  /** A renewal that began then was stored. */
  void renewed(long beganNanos) {
    // a difference, because nanoTime may overflow
    if (beganNanos - renewedNanos > 0) {
      renewedNanos = beganNanos;
    }
  }

  /** From one renewal to the next, and the longest that one may take. */
  Duration period() {
    return ttl.dividedBy(RENEWALS_PER_TTL);
  }

  /** From a renewal that failed to the next try. */
  Duration pauseAfterFailure() {
    Duration pause = period().dividedBy(RETRIES_PER_RENEWAL);
    return pause.compareTo(RETRY_MAX) < 0 ? pause : RETRY_MAX;
  }

  /** For how long it is still held; not positive when it counts as lost. */
  Duration left(long nowNanos) {
    return ttl.minusNanos(nowNanos - renewedNanos);
  }
}
