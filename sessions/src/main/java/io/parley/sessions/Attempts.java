package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.TimerScheduler;
import io.parley.routing.WorkerSentinels;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.sessions.Internal.Overdue;
import io.parley.sessions.Internal.Retry;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.WorkSubmitter.Submission;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.RunningTurn;
import java.time.Duration;
import java.util.Optional;

/**
 * What surrounds the running attempt: its place in the queue, the worker that is watched, and the
 * timers of its phases. All soft: recovery begins with {@link #recovered}.
 */
final class Attempts {
  /** At most one timer of each runs. */
  private enum Timer {
    QUEUE,
    TOKENS,
    TURN,
    SUBMIT,
    RETRY,
    LEASE
  }

  /**
   * The dispatcher ends what waits in its queue too long. Only a turn whose end is not heard of is
   * ended by its session, so much later: that a worker has it may be on its way.
   */
  private static final Duration HAND_OVER = Duration.ofSeconds(5);

  private final SessionId session;
  private final SessionSettings settings;
  private final WorkSubmitter submitter;
  private final ActorContext<SessionInbox> context;
  private final TimerScheduler<SessionInbox> timers;
  private final WorkerSentinels sentinels;
  private Optional<ActorRef<WorkerMessage>> worker = Optional.empty();
  private long queueDeadlineEpochMillis;
  private boolean begun;

  Attempts(
      SessionId session,
      SessionSettings settings,
      WorkSubmitter submitter,
      ActorContext<SessionInbox> context,
      TimerScheduler<SessionInbox> timers) {
    this.session = session;
    this.settings = settings;
    this.submitter = submitter;
    this.context = context;
    this.timers = timers;
    this.sentinels = WorkerSentinels.get(context.getSystem());
  }

  AttemptId id(RunningTurn turn) {
    return new AttemptId(session, turn.spec().number(), turn.attempt());
  }

  /** A new attempt is journaled: the one before, if any, is let go and this one is queued. */
  void started(Generating state, long nowMillis) {
    RunningTurn turn = state.turn();
    if (turn.attempt() > 1) {
      letGo(new AttemptId(session, turn.spec().number(), turn.attempt() - 1));
    }
    if (!timers.isTimerActive(Timer.TURN)) {
      startTurnTimer(id(turn));
    }
    timers.cancel(Timer.RETRY);
    timers.cancel(Timer.LEASE);
    timers.cancel(Timer.TOKENS);
    begun = false;
    Duration queue = settings.timeouts().queue();
    queueDeadlineEpochMillis = nowMillis + queue.toMillis();
    expire(Timer.QUEUE, queue.plus(HAND_OVER), id(turn), FailureCode.QUEUE_TIMEOUT);
    submit(state);
  }

  /** Whether the attempt has waited for the queue's room as long as it may. */
  boolean isLate(long nowMillis) {
    return nowMillis >= queueDeadlineEpochMillis;
  }

  /** Brings the attempt to the dispatcher. */
  void submit(Generating state) {
    RunningTurn turn = state.turn();
    AttemptId id = id(turn);
    Work work =
        new Work(
            id,
            turn.spec().request().model(),
            state.prompt(),
            turn.answer().ids(),
            turn.spec().request().sampling(),
            turn.spec().request().contextPolicy(),
            turn.spec().request().priority(),
            turn.spec().startedAt(),
            queueDeadlineEpochMillis,
            turn.strikes() > 0);
    context.pipeToSelf(
        submitter.submit(work),
        (submission, failure) ->
            new Internal.Submitted(id, failure == null ? submission : new Submission.Full(0)));
  }

  /** The dispatcher had no room: comes again, for the last time at the queue's deadline. */
  void submitLater(AttemptId id, long retryAfterMillis, long nowMillis) {
    long least = settings.retry().min().toMillis();
    long most = settings.retry().max().toMillis();
    long wait = Math.max(least, Math.min(most, retryAfterMillis));
    long left = Math.max(1, queueDeadlineEpochMillis - nowMillis);
    timers.startSingleTimer(
        Timer.SUBMIT, new Internal.SubmitAgain(id), Duration.ofMillis(Math.min(wait, left)));
  }

  /**
   * A worker gave a sign of the current attempt: it has it, so it is adopted, and the phase that it
   * is in is timed from now on if it was not. An attempt that is known to be lost stays so: such a
   * sign may be older than the worker's death.
   */
  void heardFrom(ActorRef<WorkerMessage> from, RunningTurn turn) {
    timers.cancel(Timer.LEASE);
    timers.cancel(Timer.SUBMIT);
    timePhase(turn);
    if (!worker.equals(Optional.of(from))) {
      watchNobody();
      worker = Optional.of(from);
      context.watchWith(from, new Internal.WorkerGone(id(turn)));
      sentinels
          .of(from)
          .ifPresent(one -> context.watchWith(one, new Internal.WorkerGone(id(turn))));
    }
  }

  /** The worker has a slot for the current attempt. */
  void begun() {
    begun = true;
  }

  private void timePhase(RunningTurn turn) {
    timers.cancel(Timer.QUEUE);
    if (timers.isTimerActive(Timer.TOKENS)) {
      return;
    }
    if (turn.fruitless() > 0) {
      computesPrompt(turn);
    } else {
      madeTokens(turn);
    }
  }

  /**
   * A worker has the attempt, and computes its prompt. The worker says so when it takes it and when
   * it has admitted it; what it lets wait too long it fails itself.
   */
  void computesPrompt(RunningTurn turn) {
    expire(
        Timer.TOKENS, settings.timeouts().firstToken(), id(turn), FailureCode.FIRST_TOKEN_TIMEOUT);
  }

  /** The worker makes tokens; if it falls silent, it is given up. */
  void madeTokens(RunningTurn turn) {
    expire(Timer.TOKENS, settings.timeouts().stall(), id(turn), FailureCode.WORKER_LOST);
  }

  /** The watched worker died. Who reports for it yet is watched again, and found to be dead. */
  void workerGone(RunningTurn turn) {
    watchNobody();
    retryLater(turn, new Failure(FailureCode.WORKER_LOST, "the worker is gone"), begun);
  }

  private void watchNobody() {
    worker.ifPresent(
        w -> {
          context.unwatch(w);
          sentinels.known(w).ifPresent(context::unwatch);
        });
    worker = Optional.empty();
  }

  /** The attempt is lost; another one starts after the backoff. */
  void retryLater(RunningTurn turn, Failure cause) {
    retryLater(turn, cause, false);
  }

  private void retryLater(RunningTurn turn, Failure cause, boolean diedWithIt) {
    if (!timers.isTimerActive(Timer.RETRY)) {
      timers.startSingleTimer(
          Timer.RETRY,
          new Retry(id(turn), cause, diedWithIt),
          settings.retry().wait(turn.fruitless()));
    }
  }

  /** Recovery found a turn: its worker has a lease to speak up before another attempt starts. */
  void recovered(RunningTurn turn) {
    forget();
    startTurnTimer(id(turn));
    Failure cause =
        new Failure(FailureCode.WORKER_LOST, "the session was recovered and no worker spoke up");
    timers.startSingleTimer(
        Timer.LEASE, new Retry(id(turn), cause, false), settings.adoptionLease());
  }

  /**
   * The session goes on at another node. It need not wait there until it may give the attempt up:
   * the worker that has it speaks up, or it is known that none has it.
   */
  void moves(RunningTurn turn) {
    AttemptId id = id(turn);
    if (worker.isPresent()) {
      worker.get().tell(new WorkerMessage.SendAgain(id));
      submitter.ended(id);
    } else {
      submitter.takeAlong(id);
    }
    forget();
  }

  /** The attempt brought the turn to its end. */
  void over(RunningTurn turn) {
    submitter.ended(id(turn));
    forget();
  }

  /** The turn ended against the worker's will: whoever has its attempt drops it. */
  void abandon(RunningTurn turn) {
    letGo(id(turn));
    forget();
  }

  /** Lets timers and watch go, and tells nobody. */
  void forget() {
    for (Timer timer : Timer.values()) {
      timers.cancel(timer);
    }
    begun = false;
    watchNobody();
  }

  private void letGo(AttemptId id) {
    submitter.cancel(id);
    worker.ifPresent(w -> w.tell(new WorkerMessage.DropAttempt(id)));
    watchNobody();
  }

  private void startTurnTimer(AttemptId id) {
    expire(Timer.TURN, settings.timeouts().turn(), id, FailureCode.TURN_TIMEOUT);
  }

  private void expire(Timer timer, Duration after, AttemptId id, FailureCode code) {
    timers.startSingleTimer(timer, new Overdue(id, code), after);
  }
}
