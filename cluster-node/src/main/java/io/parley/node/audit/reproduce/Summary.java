package io.parley.node.audit.reproduce;

import java.util.EnumMap;
import java.util.Map;

/** Sums over a run. */
public final class Summary {
  private final Map<TurnReport.Outcome, Integer> turns = new EnumMap<>(TurnReport.Outcome.class);
  private long tokens;
  int problems;
  boolean foundAny;
  long nanos;
  long tokensAgain;
  long tokensComputed;

  void add(TurnReport report) {
    turns.merge(report.outcome(), 1, Integer::sum);
    tokens += report.tokens();
  }

  /** Turns that came to this. */
  public int turns(TurnReport.Outcome outcome) {
    return turns.getOrDefault(outcome, 0);
  }

  public int turns() {
    return turns.values().stream().mapToInt(Integer::intValue).sum();
  }

  /** Recorded tokens of all turns. */
  public long tokens() {
    return tokens;
  }

  /** Of these, the ones that were drawn again. */
  public long tokensAgain() {
    return tokensAgain;
  }

  /** Tokens that the engine computed for it, of prompts and answers. */
  public long tokensComputed() {
    return tokensComputed;
  }

  /** How long that took, without loading models. */
  public double seconds() {
    return nanos / 1e9;
  }

  /** Of those that were drawn again. */
  public double tokensPerSecond() {
    return nanos > 0 ? tokensAgain / seconds() : 0;
  }

  /** Sessions and events that are of no use. */
  public int problems() {
    return problems;
  }

  /** Whether there was a turn at all, and all that there is was confirmed. */
  public boolean confirmed() {
    return foundAny
        && problems == 0
        && turns(TurnReport.Outcome.DIFFERS) == 0
        && turns(TurnReport.Outcome.UNKNOWN) == 0;
  }
}
