package io.parley.sessions.domain;

import io.parley.sessions.SessionCommand.RefusalReason;
import java.util.List;
import java.util.Optional;

/** What a session makes of an action. It holds only after its events are journaled. */
public sealed interface Decision {

  /** Journal the events, all or none, then give the outcome. */
  record Accept(List<SessionEvent> events, Outcome outcome) implements Decision {
    public Accept {
      events = List.copyOf(events);
    }
  }

  /** Nothing to journal: it was done before, or has no bearing on the state. */
  record AnswerAgain(Outcome outcome) implements Decision {}

  /**
   * No effect.
   *
   * @param runningTurn the turn in the way, with {@link RefusalReason#TURN_RUNNING}
   */
  record Refuse(RefusalReason reason, String detail, Optional<Integer> runningTurn)
      implements Decision {}

  /** What the asker is told. */
  sealed interface Outcome {
    /** Done. */
    record Done() implements Outcome {}

    /** The turn that the key means. */
    record Turn(int number, boolean repeated) implements Outcome {}

    /** All tokens before {@code index} are journaled; {@code ended}: the turn wants no more. */
    record Next(int index, boolean ended) implements Outcome {}

    /** The attempt is not, or no longer, this session's. */
    record Drop() implements Outcome {}
  }

  /** Nothing to journal and nothing to say but "done". */
  static Decision done() {
    return new AnswerAgain(new Outcome.Done());
  }

  /** Journal these, then say "done". */
  static Decision done(SessionEvent... events) {
    return new Accept(List.of(events), new Outcome.Done());
  }

  /** Tell the worker to forget the attempt. */
  static Decision drop() {
    return new AnswerAgain(new Outcome.Drop());
  }

  /** A refusal for lack of the session or turn. */
  static Decision notFound(String what) {
    return new Refuse(RefusalReason.NOT_FOUND, what + " does not exist", Optional.empty());
  }

  /** A refusal because a limit is reached. */
  static Decision full(String detail) {
    return new Refuse(RefusalReason.SESSION_FULL, detail, Optional.empty());
  }

  /** A refusal because turns have begun behind the one that was to be the last. */
  static Decision notLast(int turn) {
    return new Refuse(
        RefusalReason.TURN_NOT_LAST, "turn " + turn + " is not the last", Optional.empty());
  }

  /** A refusal because the idempotency key means something else. */
  static Decision keyReused() {
    return new Refuse(
        RefusalReason.KEY_REUSED,
        "the idempotency key was used with another request",
        Optional.empty());
  }

  /** A refusal because of the turn that runs. */
  static Decision running(int turn) {
    return new Refuse(
        RefusalReason.TURN_RUNNING, "turn " + turn + " is still running", Optional.of(turn));
  }
}
