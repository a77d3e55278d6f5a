package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.policy.Candidate;
import io.parley.routing.policy.WaitingWork;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.WorkerLoad;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A worker's stream as its dispatcher sees it. Used by the dispatcher's thread alone. */
final class WorkStream implements Candidate {
  private record Handed(WaitingWork work, long atNanos) {}

  private final long id;
  private final ActorRef<WorkerMessage> worker;
  private final ModelId model;
  private final WorkSource.Handle handle;

  /** Handed out and not confirmed; at most the stream's buffers hold. */
  private final Map<AttemptId, Handed> underWay = new LinkedHashMap<>();

  /** Of these, the ones that their session took back. */
  private final Set<AttemptId> takenBack = new LinkedHashSet<>();

  /**
   * That such a work has ended may get lost. By then it has its first token, or was given up: a
   * session waits less for it.
   */
  private static final long SUSPICION_NANOS = Duration.ofMinutes(5).toNanos();

  /** Works here, under way or running, that may have killed their last worker, and since when. */
  private final Map<AttemptId, Long> suspects = new LinkedHashMap<>();

  private long heardNanos;

  private int freeSlots;
  private int reportedSlots;
  private long freeSinceNanos;
  private WorkerLoad load = WorkerLoad.UNKNOWN;
  private boolean waits;
  private long waitingSinceNanos;

  WorkStream(long id, ActorRef<WorkerMessage> worker, ModelId model, WorkSource.Handle handle) {
    this.id = id;
    this.worker = worker;
    this.model = model;
    this.handle = handle;
  }

  long id() {
    return id;
  }

  @Override
  public ActorRef<WorkerMessage> worker() {
    return worker;
  }

  ModelId model() {
    return model;
  }

  /** Whether it asks for a work and has a slot: one bound to a full worker could start sooner. */
  boolean waits() {
    return waits && freeSlots > 0;
  }

  @Override
  public int freeSlots() {
    return freeSlots;
  }

  @Override
  public WorkerLoad load() {
    return load;
  }

  @Override
  public long waitingSinceNanos() {
    return waitingSinceNanos;
  }

  /** The worker gave a sign of life. */
  void heard(long nowNanos) {
    heardNanos = nowNanos;
  }

  /** For how long the worker gave none. */
  long silentNanos(long nowNanos) {
    return nowNanos - heardNanos;
  }

  /** Whether a work that may have killed its last worker is with this one: no other such comes. */
  boolean hasSuspect() {
    return !suspects.isEmpty();
  }

  /** A work has ended; true when it was a suspect. */
  boolean ended(AttemptId attempt) {
    return suspects.remove(attempt) != null;
  }

  /** Forgets the suspects that have been here for long enough; true when there were any. */
  boolean forgetSuspects(long nowNanos) {
    return suspects.values().removeIf(since -> nowNanos - since >= SUSPICION_NANOS);
  }

  Dispatcher.WorkerView view(int running) {
    return new Dispatcher.WorkerView(worker, model, freeSlots, underWay.size(), running);
  }

  void pulled(long nowNanos) {
    waits = true;
    waitingSinceNanos = nowNanos;
  }

  /** What the worker has free, by its own report; what is on its way there will use some of it. */
  void report(int reportedFreeSlots, WorkerLoad reportedLoad, long nowNanos) {
    heard(nowNanos);
    if (reportedSlots == 0) {
      freeSinceNanos = nowNanos;
    }
    reportedSlots = reportedFreeSlots;
    freeSlots = Math.max(0, reportedFreeSlots - underWay.size());
    load = reportedLoad;
  }

  void hand(WaitingWork work, long nowNanos) {
    waits = false;
    freeSlots = Math.max(0, freeSlots - 1);
    underWay.put(work.id(), new Handed(work, nowNanos));
    if (work.work().suspect()) {
      suspects.put(work.id(), nowNanos);
    }
    handle.push(work.work());
  }

  void takeBack(AttemptId attempt) {
    takenBack.add(attempt);
  }

  /** The worker has the work: whether its session still wants it. */
  boolean confirm(AttemptId attempt) {
    underWay.remove(attempt);
    return !takenBack.remove(attempt);
  }

  /** The worker had no slot left: the work, unless its session does not want it any more. */
  Optional<WaitingWork> giveBack(AttemptId attempt) {
    Handed handed = underWay.remove(attempt);
    suspects.remove(attempt);
    return takenBack.remove(attempt)
        ? Optional.empty()
        : Optional.ofNullable(handed).map(Handed::work);
  }

  /**
   * Whether the worker must have answered for a work long ago: it has had a free slot for so long,
   * and the work was under way. What it said of it was lost, and would be missed for ever.
   */
  boolean owesAnAnswer(long nowNanos, long limitNanos) {
    return reportedSlots > 0
        && nowNanos - freeSinceNanos > limitNanos
        && underWay.values().stream().anyMatch(handed -> nowNanos - handed.atNanos() > limitNanos);
  }

  /** What was handed out and not confirmed, without what was taken back. */
  Set<AttemptId> unconfirmed() {
    Set<AttemptId> lost = new LinkedHashSet<>(underWay.keySet());
    lost.removeAll(takenBack);
    return lost;
  }

  Set<AttemptId> underWay() {
    return Set.copyOf(underWay.keySet());
  }

  void complete() {
    handle.complete();
  }
}
