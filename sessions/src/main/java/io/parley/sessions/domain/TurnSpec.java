package io.parley.sessions.domain;

import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.List;

/**
 * What is fixed when a turn starts.
 *
 * @param number from 1
 * @param key the idempotency key that means this turn
 * @param fingerprint a hash over what was asked
 * @param request without history: that is the session's
 * @param startedAt milliseconds since the epoch
 */
public record TurnSpec(
    int number, String key, String fingerprint, TurnRequest request, long startedAt) {

  /** The request without what the session keeps elsewhere. */
  static TurnRequest withoutHistory(TurnRequest request) {
    return new TurnRequest(
        request.model(),
        List.of(),
        request.input(),
        request.instructions(),
        request.sampling(),
        request.contextPolicy(),
        request.priority(),
        request.stored(),
        request.background(),
        request.metadata());
  }
}
