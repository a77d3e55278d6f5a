package io.parley.node.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Takes the times of one turn; it begins when this is made. */
final class TurnWatch {
  final long startedNanos = System.nanoTime();

  /** Completion tokens. */
  int tokens;

  private final int turn;
  private final List<Long> gapsNanos = new ArrayList<>();
  private long firstTextNanos = -1;
  private long lastTextNanos;

  TurnWatch(int turn) {
    this.turn = turn;
  }

  /** A piece of text arrived. */
  void text() {
    long now = System.nanoTime();
    if (firstTextNanos < 0) {
      firstTextNanos = now - startedNanos;
    } else {
      gapsNanos.add(now - lastTextNanos);
    }
    lastTextNanos = now;
  }

  TurnSample ended() {
    if (firstTextNanos < 0) {
      return failed("no text");
    }
    return sample(Optional.empty());
  }

  TurnSample failed(String why) {
    return sample(Optional.of(why));
  }

  private TurnSample sample(Optional<String> error) {
    return new TurnSample(
        turn,
        Math.max(0, firstTextNanos),
        List.copyOf(gapsNanos),
        System.nanoTime() - startedNanos,
        tokens,
        error);
  }
}
