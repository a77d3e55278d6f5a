package io.parley.node.bulk;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Whether a model that nobody serves is likely to come back. A worker that is restarted must not
 * make dead letters of all its records; a model that was never there must not hold up others.
 */
final class ModelWait {
  private final Duration patience;
  private final Clock clock;
  private final Instant start;

  /** Only names that were served are in it, so strangers cannot fill it. */
  private final Map<String, Instant> served = new ConcurrentHashMap<>();

  ModelWait(Duration patience, Clock clock) {
    this.patience = patience;
    this.clock = clock;
    this.start = clock.instant();
  }

  /** It is served now. */
  void seen(String model) {
    served.put(model, clock.instant());
  }

  /** Since it was served, or since this node began to look, less time passed than the patience. */
  boolean mayComeBack(String model) {
    Instant since = served.getOrDefault(model, start);
    return Duration.between(since, clock.instant()).compareTo(patience) < 0;
  }
}
