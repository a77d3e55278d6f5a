package io.parley.routing;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The works that wait for one model, bounded. Interactive works go first, in order of arrival; a
 * bulk work counts as if it had come {@code bulkPatience} later than it did, so it is overtaken for
 * so long and never starves.
 */
final class WorkQueue {
  private record Waiting(Work work, long sinceNanos) {}

  private final int capacity;
  private final long bulkPatienceNanos;
  private final Map<AttemptId, Waiting> interactive = new LinkedHashMap<>();
  private final Map<AttemptId, Waiting> bulk = new LinkedHashMap<>();

  WorkQueue(int capacity, long bulkPatienceNanos) {
    this.capacity = capacity;
    this.bulkPatienceNanos = bulkPatienceNanos;
  }

  int size() {
    return interactive.size() + bulk.size();
  }

  boolean isEmpty() {
    return size() == 0;
  }

  boolean isFull() {
    return size() >= capacity;
  }

  boolean contains(AttemptId id) {
    return interactive.containsKey(id) || bulk.containsKey(id);
  }

  /** Queues a work; false when there is no room. */
  boolean offer(Work work, long nowNanos) {
    if (isFull()) {
      return false;
    }
    Map<AttemptId, Waiting> line = work.priority() == Priority.BULK ? bulk : interactive;
    line.put(work.id(), new Waiting(work, nowNanos));
    return true;
  }

  /** The work whose turn it is. */
  Optional<Work> peek() {
    Optional<Waiting> first = interactive.values().stream().findFirst();
    Optional<Waiting> firstBulk = bulk.values().stream().findFirst();
    if (first.isPresent() && firstBulk.isPresent()) {
      long bulkCounts = firstBulk.get().sinceNanos() + bulkPatienceNanos;
      // a difference, because nanoTime may overflow
      return Optional.of(
          bulkCounts - first.get().sinceNanos() < 0 ? firstBulk.get().work() : first.get().work());
    }
    return first.or(() -> firstBulk).map(Waiting::work);
  }

  /** Takes a work out; false when it does not wait here. */
  boolean remove(AttemptId id) {
    return interactive.remove(id) != null || bulk.remove(id) != null;
  }

  /** Takes out what is past its deadline. */
  List<Work> removeExpired(long nowEpochMillis) {
    List<Work> expired = new ArrayList<>();
    for (Map<AttemptId, Waiting> line : List.of(interactive, bulk)) {
      for (Iterator<Waiting> i = line.values().iterator(); i.hasNext(); ) {
        Work work = i.next().work();
        if (work.queueDeadlineEpochMillis() <= nowEpochMillis) {
          i.remove();
          expired.add(work);
        }
      }
    }
    return expired;
  }

  /** All works, for a dispatcher that gives them up. */
  List<Work> all() {
    List<Work> works = new ArrayList<>();
    interactive.values().forEach(waiting -> works.add(waiting.work()));
    bulk.values().forEach(waiting -> works.add(waiting.work()));
    return works;
  }
}
