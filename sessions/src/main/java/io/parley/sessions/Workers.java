package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.persistence.typed.javadsl.ReplyEffect;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionAction;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.ChainedSession;

/**
 * What a session does when an attempt is heard of: by its worker, by the dispatcher, or by the
 * timers and the watch that {@link Attempts} keeps. What concerns an attempt that is not the
 * current one is ignored, and its worker told to drop it.
 */
final class Workers {
  private final Steps steps;
  private final Attempts attempts;

  Workers(Steps steps, Attempts attempts) {
    this.steps = steps;
    this.attempts = attempts;
  }

  ReplyEffect<ChainedEvent, ChainedSession> report(Session session, AttemptReport report) {
    if (report instanceof AttemptReport.TokenGroup group) {
      return tokens(session, group);
    }
    if (report instanceof AttemptReport.Admitted admitted) {
      if (!isCurrent(session, report)) {
        return drop(admitted.worker(), report);
      }
      attempts.heardFrom(admitted.worker(), ((Generating) session).turn());
      return steps.take(
          session,
          new SessionAction.Admit(report.id().turn(), report.id().attempt(), admitted.prompt()));
    }
    if (report instanceof AttemptReport.Dispatched dispatched) {
      if (!isCurrent(session, report)) {
        return drop(dispatched.worker(), report);
      }
      attempts.heardFrom(dispatched.worker(), ((Generating) session).turn());
      if (dispatched.begun()) {
        attempts.begun();
      }
      return steps.nothing();
    }
    return failed(session, (AttemptReport.Failed) report);
  }

  private ReplyEffect<ChainedEvent, ChainedSession> tokens(
      Session session, AttemptReport.TokenGroup group) {
    if (isCurrent(session, group)) {
      attempts.heardFrom(group.worker(), ((Generating) session).turn());
    }
    var action =
        new SessionAction.Append(
            group.id().turn(),
            group.id().attempt(),
            group.prompt(),
            group.firstIndex(),
            group.tokens(),
            group.finish());
    return steps.carryOut(
        session,
        steps.decide(session, action),
        (outcome, after) ->
            group
                .worker()
                .tell(
                    outcome instanceof Outcome.Next next
                        ? new WorkerMessage.GroupAccepted(group.id(), next.index(), next.ended())
                        : new WorkerMessage.DropAttempt(group.id())));
  }

  private ReplyEffect<ChainedEvent, ChainedSession> failed(
      Session session, AttemptReport.Failed failed) {
    if (!isCurrent(session, failed)) {
      return failed.worker().map(worker -> drop(worker, failed)).orElseGet(steps::nothing);
    }
    // it is told to drop the attempt when the next one, or the turn's end, is journaled
    failed.worker().ifPresent(worker -> attempts.heardFrom(worker, ((Generating) session).turn()));
    Failure cause = new Failure(failed.code(), failed.message());
    if (failed.code() == FailureCode.WORKER_LEFT) {
      return loseAttempt(
          (Generating) session, cause, false); // nothing is wrong with it: no backoff
    }
    if (failed.code().retryable()) {
      attempts.retryLater(((Generating) session).turn(), cause);
      return steps.nothing();
    }
    return failTurn((Generating) session, cause);
  }

  private ReplyEffect<ChainedEvent, ChainedSession> drop(
      ActorRef<WorkerMessage> worker, AttemptReport report) {
    return steps.reply(worker, new WorkerMessage.DropAttempt(report.id()));
  }

  private boolean isCurrent(Session session, AttemptReport report) {
    return session instanceof Generating generating
        && attempts.id(generating.turn()).equals(report.id());
  }

  /** What the entity says to itself of an attempt. */
  ReplyEffect<ChainedEvent, ChainedSession> internal(Generating session, Internal message) {
    var current = attempts.id(session.turn());
    if (message instanceof Internal.Submitted submitted && submitted.id().equals(current)) {
      return submitted(session, submitted);
    }
    if (message instanceof Internal.SubmitAgain again && again.id().equals(current)) {
      if (attempts.isLate(steps.now())) {
        return failTurn(session, new Failure(FailureCode.QUEUE_TIMEOUT, "the queue stayed full"));
      }
      attempts.submit(session);
      return steps.nothing();
    }
    if (message instanceof Internal.WorkerGone gone && gone.id().equals(current)) {
      attempts.workerGone(session.turn());
      return steps.nothing();
    }
    if (message instanceof Internal.Retry retry && retry.id().equals(current)) {
      return loseAttempt(session, retry.cause(), retry.begun());
    }
    if (message instanceof Internal.Overdue overdue && overdue.id().turn() == current.turn()) {
      return overdue(session, overdue);
    }
    return steps.nothing();
  }

  private ReplyEffect<ChainedEvent, ChainedSession> submitted(
      Generating session, Internal.Submitted submitted) {
    if (submitted.submission() instanceof WorkSubmitter.Submission.Full full) {
      attempts.submitLater(submitted.id(), full.retryAfterMillis(), steps.now());
    } else if (submitted.submission() instanceof WorkSubmitter.Submission.NoWorker) {
      String message = "no worker serves " + session.turn().spec().request().model();
      return failTurn(session, new Failure(FailureCode.MODEL_NOT_FOUND, message));
    }
    return steps.nothing();
  }

  private ReplyEffect<ChainedEvent, ChainedSession> overdue(
      Generating session, Internal.Overdue overdue) {
    Failure cause = new Failure(overdue.code(), "not in time");
    if (overdue.code() == FailureCode.TURN_TIMEOUT) {
      return failTurn(session, cause);
    }
    if (overdue.id().attempt() != session.turn().attempt()) {
      return steps.nothing();
    }
    return overdue.code() == FailureCode.WORKER_LOST
        ? loseAttempt(session, new Failure(FailureCode.WORKER_LOST, "the worker is silent"), false)
        : failTurn(session, cause);
  }

  private ReplyEffect<ChainedEvent, ChainedSession> loseAttempt(
      Generating session, Failure cause, boolean begun) {
    return steps.take(
        session,
        new SessionAction.LoseAttempt(
            session.turn().spec().number(), session.turn().attempt(), cause, begun));
  }

  private ReplyEffect<ChainedEvent, ChainedSession> failTurn(Generating session, Failure cause) {
    return steps.take(
        session,
        new SessionAction.FailTurn(
            session.turn().spec().number(), session.turn().attempt(), cause));
  }
}
