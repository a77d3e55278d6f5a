package io.parley.workers;

/**
 * What a worker measures of itself, for the routing policies: moving averages over its attempts.
 * Used by the worker's thread alone.
 */
final class LoadMeter {
  private static final double WEIGHT_OF_NEWEST = 0.2;

  /** A shorter prompt says more of the wait for an iteration than of its computing. */
  private static final int PROMPT_TOKENS_MIN = 64;

  private static final long PREFILL_NANOS_MIN = 1_000_000;

  private double firstTokenMillis;
  private double prefillTokensPerSecond;
  private long firstTokens;

  /** An attempt gave its first token so long after it came. */
  void firstToken(long nanos) {
    firstTokens++;
    firstTokenMillis = average(firstTokenMillis, nanos / 1e6);
  }

  /** So many tokens of a prompt were computed in such a time. */
  void prefilled(int tokens, long nanos) {
    if (tokens >= PROMPT_TOKENS_MIN && nanos >= PREFILL_NANOS_MIN) {
      prefillTokensPerSecond = average(prefillTokensPerSecond, tokens * 1e9 / nanos);
    }
  }

  private static double average(double before, double newest) {
    return before == 0 ? newest : before + WEIGHT_OF_NEWEST * (newest - before);
  }

  /** From an attempt's arrival to its first token; 0 while not measured. */
  double firstTokenMillis() {
    return firstTokenMillis;
  }

  /** 0 while not measured. */
  double prefillTokensPerSecond() {
    return prefillTokensPerSecond;
  }

  /** How many attempts gave a first token. */
  long firstTokens() {
    return firstTokens;
  }
}
