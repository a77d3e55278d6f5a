package io.parley.sessions.domain;

import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.SessionAction.Append;
import io.parley.sessions.domain.SessionAction.AppendMessages;
import io.parley.sessions.domain.SessionAction.CancelTurn;
import io.parley.sessions.domain.SessionAction.Delete;
import io.parley.sessions.domain.SessionAction.DeleteTurn;
import io.parley.sessions.domain.SessionAction.StartTurn;
import io.parley.sessions.domain.SessionEvent.AttemptStarted;
import io.parley.sessions.domain.SessionEvent.MessagesAppended;
import io.parley.sessions.domain.SessionEvent.MetadataSet;
import io.parley.sessions.domain.SessionEvent.SessionDeleted;
import io.parley.sessions.domain.SessionEvent.TurnDeleted;
import io.parley.sessions.domain.SessionEvent.TurnStarted;
import java.util.List;
import java.util.Optional;

/** A session in which no turn runs. */
public record Idle(Conversation conversation) implements Existing {

  @Override
  public long storedBytes() {
    return conversation.storedBytes();
  }

  @Override
  public Decision decide(SessionAction action, long now, SessionLimits limits) {
    return decideAlike(action, now, limits).orElseGet(() -> decideIdle(action, now, limits));
  }

  private Decision decideIdle(SessionAction action, long now, SessionLimits limits) {
    if (action instanceof StartTurn start) {
      return start(start, now, limits);
    }
    if (action instanceof AppendMessages append) {
      return conversation
          .refuseIfFull(Weight.of(append.messages()), limits)
          .orElseGet(
              () -> Decision.done(new MessagesAppended(now, append.key(), append.messages())));
    }
    if (action instanceof CancelTurn cancel) {
      return conversation.turn(cancel.turn()).isPresent()
          ? Decision.done()
          : Decision.notFound("the turn");
    }
    if (action instanceof DeleteTurn delete) {
      return deleteEnded(delete.turn(), now);
    }
    if (action instanceof Delete) {
      return Decision.done(new SessionDeleted(now));
    }
    if (action instanceof Append append) {
      return endedBefore(append);
    }
    return Decision.drop();
  }

  private Decision start(StartTurn start, long now, SessionLimits limits) {
    if (start.createIfAbsent() && conversation.madeByAnother(start.fingerprint())) {
      // the session's id comes from the key, and something else was asked with it before
      return Decision.keyReused();
    }
    Optional<Integer> after = start.afterTurn();
    if (after.isPresent() && after.get() != conversation.turnCount()) {
      return Decision.notLast(after.get());
    }
    if (conversation.turnCount() >= limits.turnsMax()) {
      return Decision.full("the session holds at most " + limits.turnsMax() + " turns");
    }
    Optional<Decision> full = conversation.refuseIfFull(Weight.of(start.request()), limits);
    if (full.isPresent()) {
      return full.get();
    }
    int number = conversation.turnCount() + 1;
    return new Decision.Accept(
        List.of(
            new TurnStarted(
                now,
                number,
                start.key(),
                start.fingerprint(),
                start.request().withHistory(List.of())),
            new AttemptStarted(now, number, 1, Optional.empty())),
        new Outcome.Turn(number, false));
  }

  @Override
  public Session apply(SessionEvent event) {
    if (event instanceof TurnStarted started) {
      if (started.turn() != conversation.turnCount() + 1) {
        return this;
      }
      TurnSpec spec =
          new TurnSpec(
              started.turn(),
              started.key(),
              started.fingerprint(),
              started.request(),
              started.at());
      return new Generating(conversation, RunningTurn.start(spec));
    }
    if (event instanceof MessagesAppended appended) {
      return new Idle(conversation.with(new Entry.Added(appended.key(), appended.messages())));
    }
    if (event instanceof MetadataSet set) {
      return new Idle(conversation.withMetadata(set.metadata()));
    }
    if (event instanceof TurnDeleted deleted) {
      return new Idle(conversation.withHidden(deleted.turn()));
    }
    if (event instanceof SessionDeleted deleted) {
      return new Deleted(deleted.at());
    }
    return this;
  }
}
