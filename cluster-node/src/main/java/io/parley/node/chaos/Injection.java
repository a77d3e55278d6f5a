package io.parley.node.chaos;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** A fault that was done: when, and whose streams it may have touched. */
final class Injection {
  /** Which of the watched streams it did touch. */
  enum Touches {
    /** Each of them. */
    ALL,
    /** Those whose turn needed another attempt. */
    NEW_ATTEMPTS,
    /** None: what counts is said by {@link #proved}. */
    NONE
  }

  private final String kind;
  private final Touches touches;
  private final long startMillis = System.currentTimeMillis();
  private final long startNanos = System.nanoTime();
  private final Map<ClientTurn, Long> watched = new LinkedHashMap<>();
  private final List<String> notes = new ArrayList<>();
  private OptionalDouble recoveryMillis = OptionalDouble.empty();
  private int proofs;

  Injection(String kind, Touches touches, List<ClientTurn> watched) {
    this.kind = kind;
    this.touches = touches;
    watched.forEach(turn -> this.watched.put(turn, startNanos));
  }

  /** Watches these, too, from now on. */
  void watch(List<ClientTurn> more) {
    long now = System.nanoTime();
    more.forEach(turn -> watched.putIfAbsent(turn, now));
  }

  String kind() {
    return kind;
  }

  Touches touches() {
    return touches;
  }

  long startMillis() {
    return startMillis;
  }

  long startNanos() {
    return startNanos;
  }

  /** Each watched turn, and since when. */
  Map<ClientTurn, Long> watched() {
    return watched;
  }

  /** Where the recovery is not that of a stream. */
  void recoveredIn(double millis) {
    recoveryMillis = OptionalDouble.of(millis);
  }

  OptionalDouble recoveryMillis() {
    return recoveryMillis;
  }

  /** It was seen to do what it is there for, so many times. */
  void proved(int times) {
    proofs += times;
  }

  int proofs() {
    return proofs;
  }

  void note(String note) {
    notes.add(note);
  }

  String notes() {
    return String.join("; ", notes);
  }
}
