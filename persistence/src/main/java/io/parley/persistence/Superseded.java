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
  private final ToLongFunction<T> number;
  private final Function<T, String> writer;
  private final Consumer<T> leftOut;
  private final Set<String> earlier = new LinkedHashSet<>();
  private Optional<T> held = Optional.empty();

  Superseded(ToLongFunction<T> number, Function<T, String> writer) {
    this(number, writer, row -> {});
  }

  /**
   * @param leftOut is given each row that is no event, before the row that comes behind it
   */
  Superseded(ToLongFunction<T> number, Function<T, String> writer, Consumer<T> leftOut) {
    this.number = number;
    this.writer = writer;
    this.leftOut = leftOut;
  }

  /** Takes the next row, and gives one that is known to be an event now. */
  Optional<T> next(T row) {
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
    if (number.applyAsLong(before.get()) < number.applyAsLong(row)) {
      return before;
    }
    leftOut.accept(before.get());
    return Optional.empty();
  }

  /** The last event; there are no more rows. */
  Optional<T> last() {
    return held;
  }
}
