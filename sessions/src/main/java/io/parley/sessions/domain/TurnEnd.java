package io.parley.sessions.domain;

import io.parley.routing.protocol.FinishReason;
import io.parley.sessions.SessionCommand.Failure;

/** How a turn ended. */
public sealed interface TurnEnd {
  /** When, in milliseconds since the epoch. */
  long at();

  /** Text that follows the last token's and belongs to the answer. */
  default String tail() {
    return "";
  }

  /** The model stopped by itself. */
  record Completed(long at, FinishReason reason, String tail) implements TurnEnd {}

  /** Somebody stopped it. */
  record Cancelled(long at) implements TurnEnd {}

  /** It was given up. */
  record Failed(long at, Failure failure) implements TurnEnd {}
}
