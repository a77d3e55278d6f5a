package io.parley.sessions.domain;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.sessions.Samples;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.domain.SessionAction.Append;
import io.parley.sessions.domain.SessionAction.StartTurn;
import java.util.List;
import java.util.Optional;

/** Drives a pure session as an entity would, without one. */
final class Sessions {
  static final SessionLimits LIMITS = new SessionLimits(100, 1 << 20, 8 << 20, 3);
  static final Failure LOST = new Failure(FailureCode.WORKER_LOST, "gone");

  private Sessions() {}

  /** The state after the action, if it was accepted. */
  static Session after(Session session, SessionAction... actions) {
    Session now = session;
    for (SessionAction action : actions) {
      if (now.decide(action, 5, LIMITS) instanceof Decision.Accept accept) {
        now = now.applyAll(accept.events());
      }
    }
    return now;
  }

  static List<String> events(Decision decision) {
    return decision instanceof Decision.Accept accept
        ? accept.events().stream().map(e -> e.getClass().getSimpleName()).toList()
        : List.of();
  }

  static StartTurn start(String key) {
    return new StartTurn(key, "f", true, Optional.empty(), Samples.request("hello"));
  }

  /** A turn that wants to follow {@code turn}. */
  static StartTurn startAfter(int turn, String key) {
    return new StartTurn(key, "f", false, Optional.of(turn), Samples.request("hello"));
  }

  static Append append(int turn, int attempt, int first, String... texts) {
    return new Append(
        turn, attempt, Samples.PROMPT, first, Samples.tokens(first, texts), Optional.empty());
  }

  static Append finish(int turn, int attempt, int first, String... texts) {
    return new Append(
        turn,
        attempt,
        Samples.PROMPT,
        first,
        Samples.tokens(first, texts),
        Optional.of(new Finish(FinishReason.STOP, "!")));
  }

  static Message user(String text) {
    return new Message(Role.USER, text);
  }

  static Message assistant(String text) {
    return new Message(Role.ASSISTANT, text);
  }

  /** No turn yet. */
  static Session idle() {
    return after(
        new Absent(), new SessionAction.Create("f", List.of(user("before")), java.util.Map.of()));
  }

  /** Turn 1 runs and has "ab". */
  static Generating generating() {
    return (Generating) after(new Absent(), start("k1"), append(1, 1, 0, "a", "b"));
  }

  /** Turn 1 completed with "ab!". */
  static Session ended() {
    return after(new Absent(), start("k1"), finish(1, 1, 0, "a", "b"));
  }

  static Session deleted() {
    return after(ended(), new SessionAction.Delete());
  }
}
