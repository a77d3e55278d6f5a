package io.parley.sessions.domain;

import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What can be asked of, or reported to, a session. Nothing here names an actor. */
public sealed interface SessionAction {

  /** Make the conversation. */
  record Create(String fingerprint, List<Message> history, Map<String, String> metadata)
      implements SessionAction {}

  /** Add messages without generating. */
  record AppendMessages(String key, List<Message> messages) implements SessionAction {}

  /** Replace the labels. */
  record SetMetadata(Map<String, String> metadata) implements SessionAction {}

  /** Begin a turn, if {@code afterTurn} is the last one or absent. */
  record StartTurn(
      String key,
      String fingerprint,
      boolean createIfAbsent,
      Optional<Integer> afterTurn,
      TurnRequest request)
      implements SessionAction {}

  /** End a running turn. */
  record CancelTurn(int turn) implements SessionAction {}

  /** Hide a turn. */
  record DeleteTurn(int turn) implements SessionAction {}

  /** End the session. */
  record Delete() implements SessionAction {}

  /** A worker took the attempt into its batch. */
  record Admit(int turn, int attempt, PromptInfo prompt) implements SessionAction {}

  /** A worker made tokens, or finished. */
  record Append(
      int turn,
      int attempt,
      PromptInfo prompt,
      int firstIndex,
      List<Token> tokens,
      Optional<Finish> finish)
      implements SessionAction {}

  /**
   * The attempt is lost and another may do better.
   *
   * @param begun whether its worker died with it, and is known to have begun it though it had not
   *     said what the prompt is
   */
  record LoseAttempt(int turn, int attempt, Failure cause, boolean begun) implements SessionAction {
    public LoseAttempt(int turn, int attempt, Failure cause) {
      this(turn, attempt, cause, false);
    }
  }

  /** The attempt is lost and no other would do better. */
  record FailTurn(int turn, int attempt, Failure cause) implements SessionAction {}
}
