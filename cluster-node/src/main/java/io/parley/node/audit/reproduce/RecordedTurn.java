package io.parley.node.audit.reproduce;

import io.parley.routing.protocol.SessionId;
import io.parley.workers.reproduce.RecordedAttempt;
import java.util.List;

/**
 * A turn as its session's history has it.
 *
 * @param attempts those that brought tokens, or the answer's end; the others left nothing to
 *     compare
 */
record RecordedTurn(SessionId session, int number, List<RecordedAttempt> attempts) {
  RecordedTurn {
    attempts = List.copyOf(attempts);
  }

  /** Tokens of its answer. */
  int tokens() {
    return attempts.stream().mapToInt(attempt -> attempt.tokens().size()).sum();
  }
}
