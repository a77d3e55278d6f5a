package io.parley.workers.reproduce;

/**
 * What came of one attempt.
 *
 * @param tokens how many it brought
 */
public record AttemptReport(RecordedAttempt attempt, int tokens, Verdict verdict) {}
