package io.parley.persistence;

import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Leaves out what a later writer of an entity has put something else in the place of.
 *
 * <p>A write that was not answered in time may be carried out after the entity has recovered
 * without it: its bytes were still on the way when the recovery was answered. The entity, now with
 * another writer id, has then written its next event under the same number. The earlier writer's
 * row was never acknowledged, so nobody was told of it. The rule is that of Akka's {@code
 * ReplayFilter} with {@code repair-by-discard-old}, by which the entity itself recovers: a writer
 * that another one followed writes no more, and what it has from the number on at which the other
 * one began is no event. The order of rows of one number says nothing; clocks may differ.
 *
 * @param <T> a row, in the order of numbers
 */
final class Superseded<T> {
  /**
   * How many numbers ahead of its first one a reading begins that does not begin at 1. Only a
   * number with a single row tells whose it is: among several, the order says nothing. Each number
   * in between with several rows is a write of its own that failed in this way.
   */
  static final int RUN_UP = 64;

  private final long first;
  private final ToLongFunction<T> number;
  private final Function<T, String> writer;
  private final Consumer<T> leftOut;
  private final Set<String> earlier = new LinkedHashSet<>();
  private Optional<T> held = Optional.empty();
  private boolean several;
  private boolean sure;

  /**
   * @param first the first number that is asked for; rows come from {@link #from} on
   */
  Superseded(long first, ToLongFunction<T> number, Function<T, String> writer) {
    this(first, number, writer, row -> {});
  }

  /**
   * @param leftOut is given each row that is no event, before the row that comes behind it
   */
  Superseded(
      long first, ToLongFunction<T> number, Function<T, String> writer, Consumer<T> leftOut) {
    this.first = first;
    this.sure = from(first) == 1;
    this.number = number;
    this.writer = writer;
    this.leftOut = leftOut;
  }

  /** The number of the first row that must be seen. */
  static long from(long first) {
    return Math.max(1, first - RUN_UP);
  }

  /** Takes the next row, and gives one that is known to be an event now and was asked for. */
  Optional<T> next(T row) {
    if (!sure && !isSureAt(row)) {
      held = Optional.of(row);
      return Optional.empty();
    }
    return event(row).filter(this::isAskedFor);
  }

  /** Whether the row that is held is the only one of its number, or must be taken as such. */
  private boolean isSureAt(T row) {
    boolean again = held.isPresent() && numberOf(held.get()) == numberOf(row);
    sure = (held.isPresent() && !again && !several) || numberOf(row) >= first;
    several = again;
    return sure;
  }

  private Optional<T> event(T row) {
    if (earlier.contains(writer.apply(row))) {
      leftOut.accept(row);
      return Optional.empty();
    }
    Optional<T> before = held;
    held = Optional.of(row);
    if (before.isEmpty() || writer.apply(before.get()).equals(writer.apply(row))) {
      return before;
    }
    earlier.add(writer.apply(before.get()));
    if (numberOf(before.get()) < numberOf(row)) {
      return before;
    }
    leftOut.accept(before.get());
    return Optional.empty();
  }

  private boolean isAskedFor(T row) {
    return numberOf(row) >= first;
  }

  private long numberOf(T row) {
    return number.applyAsLong(row);
  }

  /** The last event; there are no more rows. */
  Optional<T> last() {
    return held.filter(this::isAskedFor);
  }
}
