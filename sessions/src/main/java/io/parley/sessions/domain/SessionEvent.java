package io.parley.sessions.domain;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What happened to a session, in the order of its journal. Ids and times travel inside; the
 * persisted form is separate (see {@code io.parley.sessions.journal}), so these may be renamed.
 */
public sealed interface SessionEvent {
  /** When it happened, in milliseconds since the epoch. */
  long at();

  /**
   * The conversation exists from now on and starts with {@code history}.
   *
   * @param fingerprint a hash over what was asked; absent in what early versions wrote
   */
  record SessionCreated(
      long at, Optional<String> fingerprint, List<Message> history, Map<String, String> metadata)
      implements SessionEvent {
    public SessionCreated {
      history = List.copyOf(history);
      metadata = Map.copyOf(metadata);
    }
  }

  /** A turn was accepted; {@code key} means this turn from now on. */
  record TurnStarted(long at, int turn, String key, String fingerprint, TurnRequest request)
      implements SessionEvent {}

  /**
   * A try to generate the turn begins, after the tokens journaled so far.
   *
   * @param cause why the attempt before it was given up; absent for a turn's first
   */
  record AttemptStarted(long at, int turn, int attempt, Optional<Failure> cause)
      implements SessionEvent {}

  /** A worker took the attempt into its batch. */
  record TurnAdmitted(long at, int turn, int attempt, PromptInfo prompt) implements SessionEvent {}

  /** Tokens of the answer, from position {@code firstIndex} on. */
  record TokensAppended(long at, int turn, int attempt, int firstIndex, List<Token> tokens)
      implements SessionEvent {
    public TokensAppended {
      tokens = List.copyOf(tokens);
    }
  }

  /** The answer is whole. */
  record TurnCompleted(long at, int turn, int attempt, FinishReason reason, String tail)
      implements SessionEvent {}

  /** Somebody ended the turn; what was journaled stays. */
  record TurnCancelled(long at, int turn) implements SessionEvent {}

  /** The turn was given up. */
  record TurnFailed(long at, int turn, FailureCode code, String message) implements SessionEvent {}

  /** The turn is no longer found by its id. */
  record TurnDeleted(long at, int turn) implements SessionEvent {}

  /** Messages were added without generating. */
  record MessagesAppended(long at, String key, List<Message> messages) implements SessionEvent {
    public MessagesAppended {
      messages = List.copyOf(messages);
    }
  }

  /** The conversation's labels were replaced. */
  record MetadataSet(long at, Map<String, String> metadata) implements SessionEvent {
    public MetadataSet {
      metadata = Map.copyOf(metadata);
    }
  }

  /** The conversation is gone for good; its id is not used again. */
  record SessionDeleted(long at) implements SessionEvent {}
}
