package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.persistence.typed.javadsl.ReplyEffect;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.domain.Decision;
import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionAction;
import io.parley.sessions.domain.SessionEvent;
import java.util.Optional;

/** What a session does when the edges of the cluster ask. */
final class Callers {
  private final Steps steps;
  private final WorkSubmitter submitter;
  private final RunningMark mark;

  Callers(Steps steps, WorkSubmitter submitter, RunningMark mark) {
    this.steps = steps;
    this.submitter = submitter;
    this.mark = mark;
  }

  ReplyEffect<SessionEvent, Session> answer(Session session, SessionCommand command) {
    if (command instanceof SessionCommand.StartTurn start) {
      return startTurn(session, start);
    }
    if (command instanceof SessionCommand.Get get) {
      return steps.reply(
          get.replyTo(),
          SessionViews.session(session).<Reply>map(view -> view).orElseGet(Callers::notFound));
    }
    if (command instanceof SessionCommand.GetTurn get) {
      return steps.reply(
          get.replyTo(),
          SessionViews.turn(session, get.turn())
              .<Reply>map(turn -> new Reply.TurnFound(turn.view()))
              .orElseGet(Readers::notFound));
    }
    if (command instanceof SessionCommand.Resume resume) {
      return resume(session, resume);
    }
    if (command instanceof SessionCommand.CancelTurn cancel) {
      return change(session, new SessionAction.CancelTurn(cancel.turn()), cancel.replyTo());
    }
    if (command instanceof SessionCommand.DeleteTurn delete) {
      return change(session, new SessionAction.DeleteTurn(delete.turn()), delete.replyTo());
    }
    if (command instanceof SessionCommand.Create create) {
      return change(
          session,
          new SessionAction.Create(create.fingerprint(), create.history(), create.metadata()),
          create.replyTo());
    }
    if (command instanceof SessionCommand.AppendMessages append) {
      return change(
          session,
          new SessionAction.AppendMessages(append.key(), append.messages()),
          append.replyTo());
    }
    if (command instanceof SessionCommand.SetMetadata set) {
      return change(session, new SessionAction.SetMetadata(set.metadata()), set.replyTo());
    }
    if (command instanceof SessionCommand.Delete delete) {
      return change(session, new SessionAction.Delete(), delete.replyTo());
    }
    throw new IllegalStateException("no handler for " + command.getClass());
  }

  private ReplyEffect<SessionEvent, Session> startTurn(
      Session session, SessionCommand.StartTurn start) {
    SessionAction action =
        new SessionAction.StartTurn(
            start.key(),
            start.fingerprint(),
            start.createIfAbsent(),
            start.afterTurn(),
            start.request());
    Decision decision = steps.decide(session, action);
    if (decision instanceof Decision.Accept) {
      Optional<Long> full = submitter.retryAfterMillis(start.request().model());
      if (full.isPresent()) {
        Reply overloaded =
            new Reply.Refused(
                RefusalReason.OVERLOADED, "the queue is full", Optional.empty(), full);
        return steps.reply(start.replyTo(), overloaded);
      }
    }
    return steps.carryOut(
        session,
        decision,
        start.replyTo(),
        (outcome, after) -> accepted((Outcome.Turn) outcome, after, start.replyTo()));
  }

  /** Nobody need ask for a background turn again, so it is accepted when it would be found. */
  private void accepted(Outcome.Turn turn, Session after, ActorRef<Reply> replyTo) {
    Reply reply = new Reply.TurnAccepted(turn.number(), turn.repeated());
    if (isRunning(after, turn.number())
        && ((Generating) after).turn().spec().request().background()) {
      mark.tellWhenStored(turn.number(), replyTo, reply);
    } else {
      replyTo.tell(reply);
    }
  }

  /** A turn that runs goes on because its session is awake, which is all that was wanted. */
  private ReplyEffect<SessionEvent, Session> resume(Session session, SessionCommand.Resume resume) {
    if (!isRunning(session, resume.turn())) {
      mark.remove(resume.turn());
    }
    return steps.reply(resume.replyTo(), new Reply.Done());
  }

  private static boolean isRunning(Session session, int turn) {
    return session instanceof Generating generating && generating.turn().spec().number() == turn;
  }

  private ReplyEffect<SessionEvent, Session> change(
      Session session, SessionAction action, ActorRef<Reply> replyTo) {
    return steps.carryOut(
        session,
        steps.decide(session, action),
        replyTo,
        (outcome, after) -> replyTo.tell(new Reply.Done()));
  }

  private static Reply notFound() {
    return new Reply.Refused(
        RefusalReason.NOT_FOUND, "no such session", Optional.empty(), Optional.empty());
  }
}
