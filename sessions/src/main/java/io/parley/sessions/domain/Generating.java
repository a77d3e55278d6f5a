package io.parley.sessions.domain;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.SessionAction.Admit;
import io.parley.sessions.domain.SessionAction.Append;
import io.parley.sessions.domain.SessionAction.AppendMessages;
import io.parley.sessions.domain.SessionAction.CancelTurn;
import io.parley.sessions.domain.SessionAction.Delete;
import io.parley.sessions.domain.SessionAction.DeleteTurn;
import io.parley.sessions.domain.SessionAction.FailTurn;
import io.parley.sessions.domain.SessionAction.LoseAttempt;
import io.parley.sessions.domain.SessionAction.StartTurn;
import io.parley.sessions.domain.SessionEvent.AttemptStarted;
import io.parley.sessions.domain.SessionEvent.MetadataSet;
import io.parley.sessions.domain.SessionEvent.SessionDeleted;
import io.parley.sessions.domain.SessionEvent.TokensAppended;
import io.parley.sessions.domain.SessionEvent.TurnAdmitted;
import io.parley.sessions.domain.SessionEvent.TurnCancelled;
import io.parley.sessions.domain.SessionEvent.TurnCompleted;
import io.parley.sessions.domain.SessionEvent.TurnDeleted;
import io.parley.sessions.domain.SessionEvent.TurnFailed;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A session in which a turn runs.
 *
 * @param conversation everything before that turn
 */
public record Generating(Conversation conversation, RunningTurn turn) implements Existing {
  /** An answer that fills the session ends there, as at its token limit. */
  private static final Finish CUT = new Finish(FinishReason.LENGTH, "");

  /** Two workers in a row that failed at the same turn, before it had a token, are no accident. */
  private static final int STRIKES_MAX = 2;

  @Override
  public long storedBytes() {
    return conversation.storedBytes()
        + Weight.of(turn.spec().request())
        + turn.answer().storedBytes();
  }

  @Override
  public Decision decide(SessionAction action, long now, SessionLimits limits) {
    return decideAlike(action, now, limits).orElseGet(() -> decideRunning(action, now, limits));
  }

  private Decision decideRunning(SessionAction action, long now, SessionLimits limits) {
    int number = turn.spec().number();
    if (action instanceof Append append) {
      return isCurrent(append.turn(), append.attempt())
          ? append(append, now, limits)
          : endedBefore(append);
    }
    if (action instanceof Admit admit) {
      return isCurrent(admit.turn(), admit.attempt()) ? admit(admit, now) : Decision.drop();
    }
    if (action instanceof LoseAttempt lost) {
      return isCurrent(lost.turn(), lost.attempt()) ? lose(lost, now, limits) : Decision.drop();
    }
    if (action instanceof FailTurn fail) {
      return isCurrent(fail.turn(), fail.attempt())
          ? Decision.done(failed(fail.cause(), now))
          : Decision.drop();
    }
    if (action instanceof StartTurn start) {
      if (start.key().equals(turn.spec().key())) {
        return Existing.repeated(turn.spec(), start);
      }
      // behind a turn before the running one it can never be: told at once, not when this one ends
      return start
          .afterTurn()
          .filter(after -> after < number)
          .map(Decision::notLast)
          .orElseGet(() -> Decision.running(number));
    }
    if (action instanceof CancelTurn cancel) {
      return cancel.turn() == number
          ? Decision.done(new TurnCancelled(now, number))
          : conversation.turn(cancel.turn()).isPresent()
              ? Decision.done()
              : Decision.notFound("the turn");
    }
    if (action instanceof DeleteTurn delete) {
      return delete.turn() == number
          ? Decision.done(new TurnCancelled(now, number), new TurnDeleted(now, number))
          : deleteEnded(delete.turn(), now);
    }
    if (action instanceof Delete) {
      return Decision.done(new TurnCancelled(now, number), new SessionDeleted(now));
    }
    if (action instanceof AppendMessages) {
      return Decision.running(number);
    }
    throw new IllegalStateException("no decision for " + action.getClass());
  }

  private boolean isCurrent(int number, int attempt) {
    return turn.is(number, attempt);
  }

  private Decision admit(Admit admit, long now) {
    return turn.admitted()
        ? Decision.done()
        : Decision.done(
            new TurnAdmitted(now, turn.spec().number(), turn.attempt(), admit.prompt()));
  }

  private Decision append(Append append, long now, SessionLimits limits) {
    int next = turn.answer().size();
    int end = append.firstIndex() + append.tokens().size();
    boolean gap = append.firstIndex() > next;
    boolean shorter = end < next;
    boolean nothingNew = end == next && append.finish().isEmpty();
    if (gap || shorter || nothingNew) {
      return new Decision.AnswerAgain(new Outcome.Next(next, false));
    }
    int number = turn.spec().number();
    int attempt = turn.attempt();
    // a group sent again may overlap what is journaled: only its new part counts
    List<Token> fresh = append.tokens().subList(next - append.firstIndex(), append.tokens().size());
    List<SessionEvent> events = new ArrayList<>();
    if (!turn.admitted()) {
      events.add(new TurnAdmitted(now, number, attempt, append.prompt()));
    }
    if (!fresh.isEmpty()) {
      events.add(new TokensAppended(now, number, attempt, next, fresh));
    }
    Optional<Finish> finish =
        append.finish().or(() -> isFull(fresh, limits) ? Optional.of(CUT) : Optional.empty());
    finish.ifPresent(
        f -> events.add(new TurnCompleted(now, number, attempt, f.reason(), f.tail())));
    return new Decision.Accept(events, new Outcome.Next(end, finish.isPresent()));
  }

  private boolean isFull(List<Token> fresh, SessionLimits limits) {
    long request = Weight.of(turn.spec().request());
    Answer whole = turn.answer().append(fresh);
    return conversation.textBytes() + request + whole.textBytes() > limits.textBytesMax()
        || conversation.storedBytes() + request + whole.storedBytes() > limits.storedBytesMax();
  }

  /** A work that its worker had begun was admitted, though what the prompt is was never said. */
  private Decision lose(LoseAttempt lost, long now, SessionLimits limits) {
    if (!lost.begun() || turn.admitted()) {
      return nextAttempt(lost.cause(), now, limits);
    }
    PromptInfo unknown = new PromptInfo(0, 0, 0, turn.spec().request().model(), "");
    TurnAdmitted begun =
        new TurnAdmitted(now, turn.spec().number(), turn.attempt(), turn.prompt().orElse(unknown));
    Generating admitted = (Generating) apply(begun);
    List<SessionEvent> events = new ArrayList<>(List.of(begun));
    Decision.Accept next = (Decision.Accept) admitted.nextAttempt(lost.cause(), now, limits);
    events.addAll(next.events());
    return new Decision.Accept(events, next.outcome());
  }

  private Decision nextAttempt(Failure cause, long now, SessionLimits limits) {
    if (turn.strikesAfter(cause.code()) >= STRIKES_MAX) {
      String message = STRIKES_MAX + " workers in a row failed at it: " + cause.message();
      return Decision.done(failed(new Failure(FailureCode.POISON_WORK, message), now));
    }
    boolean givenBack = cause.code() == FailureCode.WORKER_LEFT; // see RunningTurn.nextAttempt
    if (turn.fruitless() >= limits.attemptsMax() && !givenBack) {
      String message = "the last of " + turn.attempt() + " attempts: " + cause.message();
      return Decision.done(failed(new Failure(FailureCode.ATTEMPTS_EXHAUSTED, message), now));
    }
    return Decision.done(
        new AttemptStarted(now, turn.spec().number(), turn.attempt() + 1, Optional.of(cause)));
  }

  private TurnFailed failed(Failure cause, long now) {
    return new TurnFailed(now, turn.spec().number(), cause.code(), cause.message());
  }

  /** What the worker is to go on from: instructions, everything before, and the input. */
  public List<Message> prompt() {
    List<Message> messages = new ArrayList<>();
    turn.spec()
        .request()
        .instructions()
        .ifPresent(text -> messages.add(new Message(Role.SYSTEM, text)));
    messages.addAll(conversation.messages());
    messages.addAll(turn.spec().request().input());
    return messages;
  }

  @Override
  public Session apply(SessionEvent event) {
    int number = turn.spec().number();
    if (event instanceof TokensAppended appended) {
      boolean fits =
          isCurrent(appended.turn(), appended.attempt())
              && appended.firstIndex() == turn.answer().size();
      return fits ? with(turn.appended(appended.tokens())) : this;
    }
    if (event instanceof TurnCompleted completed) {
      return isCurrent(completed.turn(), completed.attempt())
          ? end(new TurnEnd.Completed(completed.at(), completed.reason(), completed.tail()))
          : this;
    }
    if (event instanceof TurnAdmitted admitted) {
      return isCurrent(admitted.turn(), admitted.attempt())
          ? with(turn.admittedWith(admitted.prompt()))
          : this;
    }
    if (event instanceof AttemptStarted started) {
      boolean fits = started.turn() == number && started.attempt() == turn.attempt() + 1;
      return fits
          ? with(turn.nextAttempt(started.attempt(), started.cause().map(Failure::code)))
          : this;
    }
    if (event instanceof TurnCancelled cancelled) {
      return cancelled.turn() == number ? end(new TurnEnd.Cancelled(cancelled.at())) : this;
    }
    if (event instanceof TurnFailed failed) {
      return failed.turn() == number
          ? end(new TurnEnd.Failed(failed.at(), new Failure(failed.code(), failed.message())))
          : this;
    }
    if (event instanceof MetadataSet set) {
      return new Generating(conversation.withMetadata(set.metadata()), turn);
    }
    if (event instanceof TurnDeleted deleted) {
      return new Generating(conversation.withHidden(deleted.turn()), turn);
    }
    if (event instanceof SessionDeleted deleted) {
      return new Deleted(deleted.at());
    }
    return this;
  }

  private Session with(RunningTurn changed) {
    return new Generating(conversation, changed);
  }

  private Session end(TurnEnd end) {
    return new Idle(conversation.with(turn.ended(end)));
  }
}
