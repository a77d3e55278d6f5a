package io.parley.routing;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The works that wait for one model, bounded. Interactive works go first; a bulk work counts as if
 * it had come {@code bulkPatience} later than it did, so it is overtaken for so long and never
 * starves. Within a priority tenants take turns.
 *
 * <p>One tenant may use the whole capacity. When it is used up, a tenant still has room while it
 * holds less than its fair share, the capacity divided by the tenants that wait; so nobody is kept
 * out by another's works. What all hold together is at most twice the capacity.
 */
final class WorkQueue {
  private final int capacity;
  private final long bulkPatienceNanos;
  private final FairLine<AttemptId, Work> interactive = new FairLine<>();
  private final FairLine<AttemptId, Work> bulk = new FairLine<>();

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
    return size() < 2L * capacity && held(tenant) < capacity / sharing.size();
  }

  private int held(TenantId tenant) {
    return interactive.size(tenant) + bulk.size(tenant);
  }

  /**
   * Who has no room, when the queue is full: once for each tenant that waits, not for each pair.
   */
  FullQueue full(long retryAfterMillis) {
    Set<TenantId> waiting = tenants();
    if (size() >= 2L * capacity || waiting.size() >= capacity) {
      return new FullQueue(retryAfterMillis, true, Set.of());
    }
    int share = capacity / waiting.size();
    waiting.removeIf(tenant -> held(tenant) < share);
    return new FullQueue(retryAfterMillis, false, waiting);
  }

  private Set<TenantId> tenants() {
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
    line(work).add(work.id().session().tenant(), work.id(), work, nowNanos);
    return true;
  }

  private FairLine<AttemptId, Work> line(Work work) {
    return work.priority() == Priority.BULK ? bulk : interactive;
  }

  /** The work whose turn it is. */
  Optional<Work> peek() {
    Optional<FairLine.Waiting<Work>> first = interactive.first();
    Optional<FairLine.Waiting<Work>> firstBulk = bulk.first();
    if (first.isPresent() && firstBulk.isPresent()) {
      long bulkCounts = firstBulk.get().sinceNanos() + bulkPatienceNanos;
      // a difference, because nanoTime may overflow
      return Optional.of(
          bulkCounts - first.get().sinceNanos() < 0 ? firstBulk.get().item() : first.get().item());
    }
    return first.or(() -> firstBulk).map(FairLine.Waiting::item);
  }

  /** Takes a work out to hand it to a worker: its tenant had its turn. */
  void take(Work work) {
    line(work).remove(work.id().session().tenant(), work.id());
    line(work).goBehind(work.id().session().tenant());
  }

  /** Takes a work out; false when it does not wait here. */
  boolean remove(AttemptId id) {
    TenantId tenant = id.session().tenant();
    return interactive.remove(tenant, id) || bulk.remove(tenant, id);
  }

  /** Takes out what is past its deadline. */
  List<Work> removeExpired(long nowEpochMillis) {
    List<Work> expired = all(work -> work.queueDeadlineEpochMillis() <= nowEpochMillis);
    expired.forEach(work -> remove(work.id()));
    return expired;
  }

  /** All works, for a dispatcher that gives them up. */
  List<Work> all() {
    return all(work -> true);
  }

  private List<Work> all(Predicate<Work> which) {
    List<Work> works = new ArrayList<>(interactive.all(which));
    works.addAll(bulk.all(which));
    return works;
  }
}
