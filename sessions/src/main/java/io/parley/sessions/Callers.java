package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.persistence.typed.javadsl.ReplyEffect;
import io.parley.routing.protocol.TenantId;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.domain.Decision;
import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.Existing;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionAction;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.ChainedSession;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/** What a session does when the edges of the cluster ask. */
final class Callers {
  private static final Reply MEMORY_FULL =
      overloaded("the node holds as many sessions as it may", Optional.empty());

  private final TenantId tenant;
  private final Steps steps;
  private final WorkSubmitter submitter;
  private final BooleanSupplier memoryFull;
  private final RunningMark mark;

  Callers(
      TenantId tenant,
      Steps steps,
      WorkSubmitter submitter,
      BooleanSupplier memoryFull,
      RunningMark mark) {
    this.tenant = tenant;
    this.steps = steps;
    this.submitter = submitter;
    this.memoryFull = memoryFull;
    this.mark = mark;
  }

  ReplyEffect<ChainedEvent, ChainedSession> answer(Session session, SessionCommand command) {
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
      return grow(
          session,
          new SessionAction.Create(create.fingerprint(), create.history(), create.metadata()),
          create.replyTo(),
          after -> new Reply.Done());
    }
    if (command instanceof SessionCommand.AppendMessages append) {
      return grow(
          session,
          new SessionAction.AppendMessages(append.key(), append.messages()),
          append.replyTo(),
          after -> new Reply.Appended(((Existing) after).conversation().additionOf(append.key())));
    }
    if (command instanceof SessionCommand.SetMetadata set) {
      return change(session, new SessionAction.SetMetadata(set.metadata()), set.replyTo());
    }
    if (command instanceof SessionCommand.Delete delete) {
      return change(session, new SessionAction.Delete(), delete.replyTo());
    }
    throw new IllegalStateException("no handler for " + command.getClass());
  }

  private ReplyEffect<ChainedEvent, ChainedSession> startTurn(
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
      if (memoryFull.getAsBoolean()) {
        return steps.reply(start.replyTo(), MEMORY_FULL);
      }
      Optional<Long> full = submitter.retryAfterMillis(tenant, start.request().model());
      if (full.isPresent()) {
        return steps.reply(start.replyTo(), overloaded("the queue is full", full));
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
  private ReplyEffect<ChainedEvent, ChainedSession> resume(
      Session session, SessionCommand.Resume resume) {
    if (!isRunning(session, resume.turn())) {
      mark.remove(resume.turn());
    }
    return steps.reply(resume.replyTo(), new Reply.Done());
  }

  private static boolean isRunning(Session session, int turn) {
    return session instanceof Generating generating && generating.turn().spec().number() == turn;
  }

  /** A change that adds text, if the node has memory for it. */
  private ReplyEffect<ChainedEvent, ChainedSession> grow(
      Session session,
      SessionAction action,
      ActorRef<Reply> replyTo,
      Function<Session, Reply> reply) {
    Decision decision = steps.decide(session, action);
    return decision instanceof Decision.Accept && memoryFull.getAsBoolean()
        ? steps.reply(replyTo, MEMORY_FULL)
        : carryOut(session, decision, replyTo, reply);
  }

  private ReplyEffect<ChainedEvent, ChainedSession> change(
      Session session, SessionAction action, ActorRef<Reply> replyTo) {
    return carryOut(session, steps.decide(session, action), replyTo, after -> new Reply.Done());
  }

  private ReplyEffect<ChainedEvent, ChainedSession> carryOut(
      Session session, Decision decision, ActorRef<Reply> replyTo, Function<Session, Reply> reply) {
    return steps.carryOut(
        session, decision, replyTo, (outcome, after) -> replyTo.tell(reply.apply(after)));
  }

  private static Reply overloaded(String why, Optional<Long> retryAfterMillis) {
    return new Reply.Refused(RefusalReason.OVERLOADED, why, Optional.empty(), retryAfterMillis);
  }

  private static Reply notFound() {
    return new Reply.Refused(
        RefusalReason.NOT_FOUND, "no such session", Optional.empty(), Optional.empty());
  }
}
