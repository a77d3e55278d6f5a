package io.parley.sessions.domain;

import io.parley.sessions.SessionCommand.TurnRequest;

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
    int number, String key, String fingerprint, TurnRequest request, long startedAt) {}
