package io.parley.workers;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.AttemptReport.Dispatched;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import io.parley.workers.replica.Replica;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;

/**
 * The attempts of a worker: those that wait for a slot, those that run, and those that ended and
 * whose sessions have not said yet that they know. Used by the worker's thread alone.
 */
final class Attempts {
  /** More than the attempts that a turn has by default: one bad work alone does not reach it. */
  private static final int FAILURES_MAX = 8;

  private final ActorRef<WorkerMessage> worker;
  private final WorkerSettings settings;
  private final Consumer<AttemptReport> sessions;
  private final Runnable wake;
  private final Logger log;
  private final InstantSource clock = InstantSource.system();

  private final LoadMeter meter = new LoadMeter();
  private final Deque<Work> parked = new ArrayDeque<>();
  private final Map<AttemptId, RunningAttempt> held = new LinkedHashMap<>();
  private int running;
  private int failures;
  private long parkedToldNanos;
  private boolean finished;

  Attempts(
      ActorRef<WorkerMessage> worker,
      WorkerSettings settings,
      Consumer<AttemptReport> sessions,
      Runnable wake,
      Logger log) {
    this.worker = worker;
    this.settings = settings;
    this.sessions = sessions;
    this.wake = wake;
    this.log = log;
  }

  /** What the attempts tell of the replica. */
  LoadMeter meter() {
    return meter;
  }

  int parked() {
    return parked.size();
  }

  /** How many have a slot. */
  int running() {
    return running;
  }

  /** How many ended and are held for their sessions. */
  int ended() {
    return held.size() - running;
  }

  boolean isEmpty() {
    return parked.isEmpty() && held.isEmpty();
  }

  /** Takes a work that came out of a stream; twice the same one is taken once. */
  void park(Work work) {
    boolean known =
        held.containsKey(work.id()) || parked.stream().anyMatch(w -> w.id().equals(work.id()));
    if (!known) {
      parked.add(work);
    }
  }

  /** The sessions of parked works hear that they are here, as those of the running ones do. */
  private void tellParked(long nowNanos) {
    if (nowNanos - parkedToldNanos >= settings.resendMin().toNanos()) {
      parkedToldNanos = nowNanos;
      parked.forEach(work -> sessions.accept(new Dispatched(work.id(), worker)));
    }
  }

  void startParked(Replica replica, long nowNanos) {
    while (!parked.isEmpty() && running < replica.slots()) {
      Work work = parked.poll(); // there is a slot: that its deadline is near or over is no matter
      RunningAttempt attempt = hold(work, nowNanos);
      if (!start(replica, work, attempt.buffer())) {
        held.remove(work.id()); // again with the next tick
        parked.addFirst(work);
        return;
      }
      running++;
      log.debug("Attempt {} starts", work.id());
    }
  }

  private boolean start(Replica replica, Work work, AttemptBuffer buffer) {
    try {
      return replica.start(work, buffer);
    } catch (RuntimeException e) {
      log.error("The replica did not start an attempt", e);
      buffer.failed(FailureCode.ENGINE_FAILED, "the replica did not start");
      return true;
    }
  }

  private boolean isLate(Work work) {
    return work.queueDeadlineEpochMillis() <= clock.millis();
  }

  private void failLate(Work work, long nowNanos) {
    hold(work, nowNanos).fail(FailureCode.QUEUE_TIMEOUT, "no slot was free in time", nowNanos);
  }

  private RunningAttempt hold(Work work, long nowNanos) {
    int tokensMax = Math.max(0, work.sampling().maxTokens() - work.prefix().size());
    AttemptBuffer buffer = new AttemptBuffer(tokensMax, wake);
    RunningAttempt attempt = new RunningAttempt(work, worker, buffer, settings, meter, nowNanos);
    held.put(work.id(), attempt);
    return attempt;
  }

  /** Looks at the replica's news. */
  void look(Optional<Replica> replica, long nowNanos) {
    for (RunningAttempt attempt : held.values()) {
      if (!attempt.runs()) {
        continue;
      }
      attempt.look(nowNanos);
      if (!attempt.runs()) {
        running--;
        count(attempt);
        // it may run on in there when it was its buffer that found a fault
        replica
            .filter(r -> attempt.failureCode().isPresent())
            .ifPresent(r -> r.cancel(attempt.id()));
      }
    }
  }

  private void count(RunningAttempt attempt) {
    if (attempt.failureCode().isEmpty()) {
      finished = true;
      failures = 0;
    } else if (attempt.failureCode().get() == FailureCode.ENGINE_FAILED) {
      failures++;
    }
  }

  /**
   * Whether so many attempts failed by the engine, and none finished between them, that it is more
   * likely the engine's fault than theirs. Says so once.
   */
  boolean tooManyFailures() {
    if (failures < FAILURES_MAX) {
      return false;
    }
    failures = 0;
    return true;
  }

  /** Whether an attempt came to its finish since this was asked: the replica is in order. */
  boolean finishedSinceLastLook() {
    boolean was = finished;
    finished = false;
    return was;
  }

  /** A group interval has passed: groups are due, and deadlines and silence may be. */
  void tick(Optional<Replica> replica, long nowNanos) {
    List<Work> late = parked.stream().filter(this::isLate).toList();
    parked.removeAll(late);
    late.forEach(work -> failLate(work, nowNanos));
    tellParked(nowNanos);
    for (RunningAttempt attempt : List.copyOf(held.values())) {
      attempt.tick();
      if (attempt.isStale(nowNanos)) {
        log.warn("Attempt {} is dropped: its session does not answer", attempt.id());
        drop(attempt.id(), replica);
      }
    }
  }

  void send(long nowNanos) {
    for (RunningAttempt attempt : held.values()) {
      attempt.next(nowNanos).ifPresent(sessions);
    }
  }

  void accepted(GroupAccepted message, Optional<Replica> replica, long nowNanos) {
    RunningAttempt attempt = held.get(message.id());
    if (attempt == null) {
      return;
    }
    if (message.ended()) {
      drop(message.id(), replica);
    } else {
      attempt.accepted(message.nextIndex(), nowNanos);
    }
  }

  /** Its session is at another node now, and waits for a word. */
  void sendAgain(AttemptId id, long nowNanos) {
    if (parked.stream().anyMatch(work -> work.id().equals(id))) {
      sessions.accept(new Dispatched(id, worker));
    }
    Optional.ofNullable(held.get(id)).ifPresent(attempt -> attempt.sendAgain(nowNanos));
  }

  /** Forgets an attempt, wherever it is. */
  void drop(AttemptId id, Optional<Replica> replica) {
    parked.removeIf(work -> work.id().equals(id));
    RunningAttempt attempt = held.remove(id);
    if (attempt != null && attempt.runs()) {
      running--;
      attempt.buffer().close();
      replica.ifPresent(r -> r.cancel(id));
    }
  }

  void cancelAll(Replica replica) {
    held.values().stream()
        .filter(RunningAttempt::runs)
        .forEach(attempt -> replica.cancel(attempt.id()));
  }

  /** Ends whatever has not ended, and lets the sessions know. */
  void failAll(FailureCode code, String message, long nowNanos) {
    for (Work work : parked) {
      hold(work, nowNanos);
    }
    parked.clear();
    for (RunningAttempt attempt : held.values()) {
      attempt.fail(code, message, nowNanos);
    }
    running = 0;
  }
}
