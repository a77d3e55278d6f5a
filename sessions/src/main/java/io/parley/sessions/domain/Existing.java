package io.parley.sessions.domain;

import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.SessionAction.Append;
import io.parley.sessions.domain.SessionAction.AppendMessages;
import io.parley.sessions.domain.SessionAction.Create;
import io.parley.sessions.domain.SessionAction.SetMetadata;
import io.parley.sessions.domain.SessionAction.StartTurn;
import io.parley.sessions.domain.SessionEvent.MetadataSet;
import io.parley.sessions.domain.SessionEvent.TurnDeleted;
import java.util.Optional;

/** A session that is there, whether or not a turn runs. */
public sealed interface Existing extends Session permits Idle, Generating {
  /** All but the running turn. */
  Conversation conversation();

  /** Bytes of all its text and tokens as stored; what it takes in memory is a multiple of it. */
  long storedBytes();

  /** What both states decide alike; empty where they differ. */
  default Optional<Decision> decideAlike(SessionAction action, long now, SessionLimits limits) {
    if (action instanceof Create create) {
      return Optional.of(
          conversation().madeByAnother(create.fingerprint())
              ? Decision.keyReused()
              : Decision.done());
    }
    if (action instanceof SetMetadata set) {
      long more = Weight.of(set.metadata()) - Weight.of(conversation().metadata());
      return conversation()
          .refuseIfFull(more, limits)
          .or(() -> Optional.of(Decision.done(new MetadataSet(now, set.metadata()))));
    }
    if (action instanceof StartTurn start) {
      return conversation().turnOf(start.key()).map(turn -> repeated(turn.spec(), start));
    }
    if (action instanceof AppendMessages append) {
      return conversation()
          .addedWith(append.key())
          .map(
              added ->
                  added.messages().equals(append.messages())
                      ? Decision.done()
                      : Decision.keyReused());
    }
    return Optional.empty();
  }

  /** What a known key means. */
  static Decision repeated(TurnSpec turn, StartTurn start) {
    if (!turn.fingerprint().equals(start.fingerprint())) {
      return Decision.keyReused();
    }
    return new Decision.AnswerAgain(new Outcome.Turn(turn.number(), true));
  }

  /** Hides a turn that ended. */
  default Decision deleteEnded(int number, long now) {
    return conversation()
        .turn(number)
        .map(t -> t.deleted() ? Decision.done() : Decision.done(new TurnDeleted(now, number)))
        .orElseGet(() -> Decision.notFound("the turn"));
  }

  /** The last attempt's worker did not hear that its finish is journaled, and asks again. */
  default Decision endedBefore(Append append) {
    return conversation()
        .turn(append.turn())
        .filter(turn -> turn.attempts() == append.attempt())
        .<Decision>map(
            turn -> new Decision.AnswerAgain(new Outcome.Next(turn.answer().size(), true)))
        .orElseGet(Decision::drop);
  }
}
