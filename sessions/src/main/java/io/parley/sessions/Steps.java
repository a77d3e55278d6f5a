package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.persistence.typed.javadsl.EffectFactories;
import akka.persistence.typed.javadsl.ReplyEffect;
import io.parley.persistence.chain.ChainHead;
import io.parley.persistence.chain.Checkpoints;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.domain.Decision;
import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionAction;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.domain.SessionLimits;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.ChainedSession;
import io.parley.sessions.journal.Sealer;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * One step of a session: decide, journal, tell, follow. Nobody is told of anything before it is
 * journaled.
 */
final class Steps {
  private final EffectFactories<ChainedEvent, ChainedSession> effect;
  private final InstantSource clock;
  private final SessionLimits limits;
  private final Attempts attempts;
  private final RunningMark mark;
  private final BooleanSupplier mayWrite;
  private final Sealer sealer;
  private final Checkpoints checkpoints;
  private final Consumer<Session> changed;
  private ChainHead head;

  /**
   * @param mayWrite whether this node is known to be the session's writer still
   * @param head where the journal of a session without events begins
   * @param changed hears of the state after each step that was journaled
   */
  Steps(
      EffectFactories<ChainedEvent, ChainedSession> effect,
      InstantSource clock,
      SessionLimits limits,
      Attempts attempts,
      RunningMark mark,
      BooleanSupplier mayWrite,
      Sealer sealer,
      Checkpoints checkpoints,
      ChainHead head,
      Consumer<Session> changed) {
    this.effect = effect;
    this.clock = clock;
    this.limits = limits;
    this.attempts = attempts;
    this.mark = mark;
    this.mayWrite = mayWrite;
    this.sealer = sealer;
    this.checkpoints = checkpoints;
    this.head = head;
    this.changed = changed;
  }

  /** What is journaled next follows this; to be told before a message is handled. */
  void behind(ChainHead last) {
    head = last;
  }

  /** Milliseconds since the epoch. */
  long now() {
    return clock.millis();
  }

  /** Nothing happens. */
  ReplyEffect<ChainedEvent, ChainedSession> nothing() {
    return effect.noReply();
  }

  /** Nothing but an answer. */
  <T> ReplyEffect<ChainedEvent, ChainedSession> reply(ActorRef<T> replyTo, T reply) {
    return effect.reply(replyTo, reply);
  }

  Decision decide(Session session, SessionAction action) {
    return session.decide(action, now(), limits);
  }

  /** A step that nobody waits for. */
  ReplyEffect<ChainedEvent, ChainedSession> take(Session session, SessionAction action) {
    return carryOut(session, decide(session, action), (outcome, after) -> {});
  }

  /** Journals what was decided for a caller, unless it was refused. */
  ReplyEffect<ChainedEvent, ChainedSession> carryOut(
      Session session,
      Decision decision,
      ActorRef<Reply> replyTo,
      BiConsumer<Outcome, Session> tell) {
    if (decision instanceof Decision.Refuse refuse) {
      return reply(
          replyTo,
          new Reply.Refused(
              refuse.reason(), refuse.detail(), refuse.runningTurn(), Optional.empty()));
    }
    return carryOut(session, decision, tell);
  }

  /** Journals what was decided; {@code tell} runs when that is done, or at once. */
  ReplyEffect<ChainedEvent, ChainedSession> carryOut(
      Session before, Decision decision, BiConsumer<Outcome, Session> tell) {
    if (decision instanceof Decision.Accept accept) {
      if (!mayWrite.getAsBoolean()) {
        return nothing(); // who asked asks again, and finds the session where it is
      }
      return effect
          .persist(sealer.seal(head, accept.events()))
          .thenRun(
              (ChainedSession after) -> {
                // it may have stood still in the middle of the write
                if (mayWrite.getAsBoolean()) {
                  tell.accept(accept.outcome(), after.session());
                  follow(before, accept.events(), after.session());
                  if (accept.events().stream().anyMatch(Steps::endsSomething)) {
                    checkpoints.add(after.head());
                  }
                }
              })
          .thenNoReply();
    }
    Outcome outcome =
        decision instanceof Decision.AnswerAgain again ? again.outcome() : new Outcome.Drop();
    return effect.none().thenRun(after -> tell.accept(outcome, after.session())).thenNoReply();
  }

  /** Whether what is stored up to here is worth a signature. */
  private static boolean endsSomething(SessionEvent event) {
    return event instanceof SessionEvent.TurnCompleted
        || event instanceof SessionEvent.TurnCancelled
        || event instanceof SessionEvent.TurnFailed
        || event instanceof SessionEvent.TurnDeleted
        || event instanceof SessionEvent.SessionDeleted;
  }

  /** What the journaled events mean for the attempt and for the list of running turns. */
  private void follow(Session before, List<SessionEvent> events, Session after) {
    for (SessionEvent event : events) {
      if (after instanceof Generating now) {
        if (event instanceof SessionEvent.AttemptStarted) {
          mark.set(now.turn().spec().number());
          attempts.started(now, now());
        } else if (event instanceof SessionEvent.TurnAdmitted) {
          attempts.computesPrompt(now.turn());
        } else if (event instanceof SessionEvent.TokensAppended) {
          attempts.madeTokens(now.turn());
        }
      } else if (before instanceof Generating was) {
        if (event instanceof SessionEvent.TurnCompleted) {
          mark.clear();
          attempts.over(was.turn());
        } else if (event instanceof SessionEvent.TurnCancelled
            || event instanceof SessionEvent.TurnFailed) {
          mark.clear();
          attempts.abandon(was.turn());
        }
      }
    }
    changed.accept(after);
  }
}
