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

  private final SessionId session;
  private final SessionSettings settings;
  private final WorkSubmitter submitter;
  private final ActorContext<SessionInbox> context;
  private final TimerScheduler<SessionInbox> timers;
  private final WorkerSentinels sentinels;
  private Optional<ActorRef<WorkerMessage>> worker = Optional.empty();

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
    waitsForAdmission(turn);
    submit(state, nowMillis);
  }

  /** Brings the attempt to the dispatcher. */
  void submit(Generating state, long nowMillis) {
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
            nowMillis + settings.timeouts().queue().toMillis(),
            turn.strikes() > 0);
    context.pipeToSelf(
        submitter.submit(work),
        (submission, failure) ->
            new Internal.Submitted(id, failure == null ? submission : new Submission.Full(0)));
  }

  /** The dispatcher had no room: comes again until the queue time-out ends the turn. */
  void submitLater(AttemptId id, long retryAfterMillis) {
    long least = settings.retry().min().toMillis();
    long most = settings.retry().max().toMillis();
    Duration wait = Duration.ofMillis(Math.max(least, Math.min(most, retryAfterMillis)));
    timers.startSingleTimer(Timer.SUBMIT, new Internal.SubmitAgain(id), wait);
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

  private void timePhase(RunningTurn turn) {
    if (timers.isTimerActive(turn.admitted() ? Timer.TOKENS : Timer.QUEUE)) {
      return;
    }
    if (!turn.admitted()) {
      waitsForAdmission(turn);
    } else if (turn.fruitless() > 0) {
      admitted(turn);
    } else {
      madeTokens(turn);
    }
  }

  /** The attempt waits in the queue, or at a worker. */
  private void waitsForAdmission(RunningTurn turn) {
    expire(Timer.QUEUE, settings.timeouts().queue(), id(turn), FailureCode.QUEUE_TIMEOUT);
  }

  /** The worker computes the prompt. */
  void admitted(RunningTurn turn) {
    timers.cancel(Timer.QUEUE);
    expire(
        Timer.TOKENS, settings.timeouts().firstToken(), id(turn), FailureCode.FIRST_TOKEN_TIMEOUT);
  }

  /** The worker makes tokens; if it falls silent, it is given up. */
  void madeTokens(RunningTurn turn) {
    expire(Timer.TOKENS, settings.timeouts().stall(), id(turn), FailureCode.WORKER_LOST);
  }

  /** The watched worker died. Who reports for it yet is watched again, and found to be dead. */
  void workerGone() {
    watchNobody();
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
    if (!timers.isTimerActive(Timer.RETRY)) {
      timers.startSingleTimer(
          Timer.RETRY, new Retry(id(turn), cause), settings.retry().wait(turn.fruitless()));
    }
  }

  /** Recovery found a turn: its worker has a lease to speak up before another attempt starts. */
  void recovered(RunningTurn turn) {
    forget();
    startTurnTimer(id(turn));
    Failure cause =
        new Failure(FailureCode.WORKER_LOST, "the session was recovered and no worker spoke up");
    timers.startSingleTimer(Timer.LEASE, new Retry(id(turn), cause), settings.adoptionLease());
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
