package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import java.util.LinkedHashSet;
import java.util.Set;

/** A worker's stream as its dispatcher sees it. Used by the dispatcher's thread alone. */
final class WorkStream {
  private final long id;
  private final ActorRef<WorkerMessage> worker;
  private final ModelId model;
  private final WorkSource.Handle handle;

  /** Handed out and not confirmed; at most the stream's buffers hold. */
  private final Set<AttemptId> underWay = new LinkedHashSet<>();

  /** Of these, the ones that their session took back. */
  private final Set<AttemptId> takenBack = new LinkedHashSet<>();

  private int freeSlots;
  private boolean waits;
  private long waitsSinceNanos;

  WorkStream(
      long id,
      ActorRef<WorkerMessage> worker,
      ModelId model,
      int freeSlots,
      WorkSource.Handle handle) {
    this.id = id;
    this.worker = worker;
    this.model = model;
    this.freeSlots = freeSlots;
    this.handle = handle;
  }

  long id() {
    return id;
  }

  ActorRef<WorkerMessage> worker() {
    return worker;
  }

  ModelId model() {
    return model;
  }

  boolean waits() {
    return waits;
  }

  RoutingPolicy.WaitingWorker asWaiting() {
    return new RoutingPolicy.WaitingWorker(worker, freeSlots, waitsSinceNanos);
  }

  void pulled(long nowNanos) {
    waits = true;
    waitsSinceNanos = nowNanos;
  }

  /** What the worker has free, by its own report; what is on its way there will use some of it. */
  void report(int reportedFreeSlots) {
    freeSlots = Math.max(0, reportedFreeSlots - underWay.size());
  }

  void hand(Work work) {
    waits = false;
    freeSlots = Math.max(0, freeSlots - 1);
    underWay.add(work.id());
    handle.push(work);
  }

  void takeBack(AttemptId id) {
    takenBack.add(id);
  }

  /** The worker has the work: whether its session still wants it. */
  boolean confirm(AttemptId id) {
    underWay.remove(id);
    return !takenBack.remove(id);
  }

  /** What was handed out and not confirmed, without what was taken back. */
  Set<AttemptId> unconfirmed() {
    Set<AttemptId> lost = new LinkedHashSet<>(underWay);
    lost.removeAll(takenBack);
    return lost;
  }

  Set<AttemptId> underWay() {
    return Set.copyOf(underWay);
  }

  void complete() {
    handle.complete();
  }
}
