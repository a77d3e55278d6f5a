package io.parley.sessions.domain;

/**
 * How large a session may grow.
 *
 * @param turnsMax turns, failed ones included
 * @param textBytesMax UTF-8 bytes of all messages and answers (a fixed sum is added for each); it
 *     bounds what is sent to a worker and what {@code Get} answers
 * @param storedBytesMax text and tokens with their log-probabilities; it bounds a snapshot
 * @param attemptsMax attempts in a row without a new token before a turn fails
 */
public record SessionLimits(int turnsMax, long textBytesMax, long storedBytesMax, int attemptsMax) {
  public SessionLimits {
    if (turnsMax < 1 || textBytesMax < 1 || storedBytesMax < 1 || attemptsMax < 1) {
      throw new IllegalArgumentException("a session's limits are at least 1");
    }
  }
}
