package io.parley.routing;

import io.parley.routing.policy.WaitingWork;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * The works that wait for one model, bounded. Interactive works go first; a bulk work counts as if
 * it had come {@code bulkPatience} later than it did, so it is overtaken for so long and never
 * starves. Within a priority tenants take turns by their weights.
 *
 * <p>One tenant may use the whole capacity. When it is used up, a tenant still has room while it
 * holds less than its fair share, the capacity divided among the tenants that wait by their
 * weights; so nobody is kept out by another's works. What all hold together is at most twice the
 * capacity.
 */
final class WorkQueue {
  /** Of a tenant that holds nothing and of which nothing is known. */
  private static final double NEWCOMER_WEIGHT = 1;

  private final int capacity;
  private final long bulkPatienceNanos;
  private final ToDoubleFunction<TenantId> weights;
  private final FairLine<AttemptId, WaitingWork> interactive;
  private final FairLine<AttemptId, WaitingWork> bulk;

  /** No work waits whose deadline is before this. */
  private long earliestDeadline = Long.MAX_VALUE;

  /**
   * A queue.
   *
   * @param weights of the tenants, each above 0
   */
  WorkQueue(int capacity, long bulkPatienceNanos, ToDoubleFunction<TenantId> weights) {
    this.capacity = capacity;
    this.bulkPatienceNanos = bulkPatienceNanos;
    this.weights = weights;
    this.interactive = new FairLine<>(weights);
    this.bulk = new FairLine<>(weights);
  }

  int size() {
    return interactive.size() + bulk.size();
  }

  boolean isEmpty() {
    return size() == 0;
  }

  /** Whether some tenant has no room. */
  boolean isFull() {
    return size() >= capacity;
  }

  /** Whether a work of this tenant would be queued. */
  boolean hasRoom(TenantId tenant) {
    if (!isFull()) {
      return true;
    }
    Set<TenantId> sharing = tenants();
    sharing.add(tenant);
    return size() < 2L * capacity && held(tenant) < share(tenant, sharing);
  }

  /**
   * Who has no room, when the queue is full: summed up once, not for each pair of tenants.
   *
   * @param slow who would wait too long, and so is refused as well
   */
  FullQueue full(long retryAfterMillis, Set<TenantId> slow) {
    Set<TenantId> waiting = tenants();
    double all = waiting.stream().mapToDouble(weights).sum();
    double share = capacity / (all + NEWCOMER_WEIGHT);
    if (size() >= 2L * capacity || share * NEWCOMER_WEIGHT < 1) {
      return new FullQueue(retryAfterMillis, true, Set.of());
    }
    waiting.removeIf(
        tenant ->
            !slow.contains(tenant)
                && held(tenant) < (int) (capacity * weights.applyAsDouble(tenant) / all));
    return new FullQueue(retryAfterMillis, false, waiting);
  }

  private int held(TenantId tenant) {
    return interactive.size(tenant) + bulk.size(tenant);
  }

  private int share(TenantId tenant, Set<TenantId> sharing) {
    double all = sharing.stream().mapToDouble(weights).sum();
    return (int) (capacity * weights.applyAsDouble(tenant) / all);
  }

  /** Tenants that wait; a copy. */
  Set<TenantId> tenants() {
    Set<TenantId> tenants = new HashSet<>(interactive.tenants());
    tenants.addAll(bulk.tenants());
    return tenants;
  }

  boolean contains(AttemptId id) {
    TenantId tenant = id.session().tenant();
    return interactive.contains(tenant, id) || bulk.contains(tenant, id);
  }

  /** Queues a work; false when there is no room. */
  boolean offer(Work work, long nowNanos) {
    if (!hasRoom(work.id().session().tenant())) {
      return false;
    }
    earliestDeadline = Math.min(earliestDeadline, work.queueDeadlineEpochMillis());
    WaitingWork waiting = new WaitingWork(work, nowNanos);
    line(work).add(waiting.tenant(), waiting.id(), waiting);
    return true;
  }

  /** Puts a work that was taken back where it was. */
  void putBack(WaitingWork work) {
    earliestDeadline = Math.min(earliestDeadline, work.work().queueDeadlineEpochMillis());
    line(work.work()).putBack(work.tenant(), work.id(), work);
  }

  private FairLine<AttemptId, WaitingWork> line(Work work) {
    return work.priority() == Priority.BULK ? bulk : interactive;
  }

  /** The work whose turn it is. */
  Optional<WaitingWork> peek() {
    Iterator<WaitingWork> works = inTurn();
    return works.hasNext() ? Optional.of(works.next()) : Optional.empty();
  }

  /** The works in the order of their turns, as it stands now; not to be used after a change. */
  Iterator<WaitingWork> inTurn() {
    Iterator<WaitingWork> first = interactive.inTurn();
    Iterator<WaitingWork> second = bulk.inTurn();
    return new Iterator<>() {
      private WaitingWork next = advance(first);
      private WaitingWork nextBulk = advance(second);

      @Override
      public boolean hasNext() {
        return next != null || nextBulk != null;
      }

      @Override
      public WaitingWork next() {
        if (next == null || (nextBulk != null && hasAged(nextBulk, next))) {
          WaitingWork work = nextBulk;
          nextBulk = advance(second);
          return work;
        }
        WaitingWork work = next;
        next = advance(first);
        return work;
      }
    };
  }

  private static WaitingWork advance(Iterator<WaitingWork> works) {
    return works.hasNext() ? works.next() : null;
  }

  private boolean hasAged(WaitingWork bulkWork, WaitingWork interactiveWork) {
    long bulkCounts = bulkWork.sinceNanos() + bulkPatienceNanos;
    // a difference, because nanoTime may overflow
    return bulkCounts - interactiveWork.sinceNanos() < 0;
  }

  /** How many works would have their turn before the next one of a tenant, ageing aside. */
  int ahead(TenantId tenant, Priority priority) {
    return priority == Priority.BULK
        ? interactive.size() + bulk.ahead(tenant)
        : interactive.ahead(tenant);
  }

  /** Takes a work out to hand it to a worker: its tenant had its turn. */
  void take(WaitingWork work) {
    line(work.work()).take(work.tenant(), work.id());
  }

  /** Takes a work out; false when it does not wait here. */
  boolean remove(AttemptId id) {
    TenantId tenant = id.session().tenant();
    return interactive.remove(tenant, id) || bulk.remove(tenant, id);
  }

  /** Takes out what is past its deadline. */
  List<Work> removeExpired(long nowEpochMillis) {
    if (nowEpochMillis < earliestDeadline) {
      return List.of();
    }
    List<Work> expired = all(work -> work.queueDeadlineEpochMillis() <= nowEpochMillis);
    expired.forEach(work -> remove(work.id()));
    earliestDeadline =
        all().stream().mapToLong(Work::queueDeadlineEpochMillis).min().orElse(Long.MAX_VALUE);
    return expired;
  }

  /** All works, for a dispatcher that gives them up. */
  List<Work> all() {
    return all(work -> true);
  }

  private List<Work> all(Predicate<Work> which) {
    List<Work> works = new ArrayList<>();
    interactive.all(waiting -> which.test(waiting.work())).forEach(w -> works.add(w.work()));
    bulk.all(waiting -> which.test(waiting.work())).forEach(w -> works.add(w.work()));
    return works;
  }
}
