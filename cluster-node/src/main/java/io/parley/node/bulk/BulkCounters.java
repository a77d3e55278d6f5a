package io.parley.node.bulk;

import java.util.concurrent.atomic.LongAdder;

/** What this node has done since its start; only for people. */
final class BulkCounters {
  private final LongAdder taken = new LongAdder();
  private final LongAdder finished = new LongAdder();
  private final LongAdder results = new LongAdder();
  private final LongAdder deadLetters = new LongAdder();
  private final LongAdder waits = new LongAdder();
  private final LongAdder restarts = new LongAdder();

  void taken() {
    taken.increment();
  }

  void finished() {
    finished.increment();
  }

  void written(boolean deadLetter) {
    (deadLetter ? deadLetters : results).increment();
  }

  void waited() {
    waits.increment();
  }

  void restarted() {
    restarts.increment();
  }

  long takenCount() {
    return taken.sum();
  }

  long inFlight() {
    return taken.sum() - finished.sum();
  }

  long resultCount() {
    return results.sum();
  }

  long deadLetterCount() {
    return deadLetters.sum();
  }

  long waitCount() {
    return waits.sum();
  }

  long restartCount() {
    return restarts.sum();
  }
}
