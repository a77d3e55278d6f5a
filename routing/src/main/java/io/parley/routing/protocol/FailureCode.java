package io.parley.routing.protocol;

/** Why an attempt could not go on. The names are stable: they are journaled and seen by clients. */
public enum FailureCode {
  /** Prompt and answer do not fit the model's context. */
  CONTEXT_LENGTH_EXCEEDED(false),
  /** No worker serves the model. */
  MODEL_NOT_FOUND(false),
  /** The chat template refused the messages. */
  INVALID_MESSAGES(false),
  /** The prompt could not be made, by a defect; another attempt would fail as well. */
  PROMPT_FAILED(false),
  /**
   * No token of the model's vocabulary fits the answer's form; another attempt would fail as well.
   */
  FORM_FAILED(false),
  /** The engine failed, altogether or with this attempt; another attempt may succeed. */
  ENGINE_FAILED(true),
  /** The worker died or stalled. */
  WORKER_LOST(true),
  /** The worker leaves and hands the attempt back. */
  WORKER_LEFT(true),
  /** Nobody had room in time. */
  QUEUE_TIMEOUT(false),
  /** Admitted, but no token in time. */
  FIRST_TOKEN_TIMEOUT(false),
  /** The turn took longer than it may. */
  TURN_TIMEOUT(false),
  /** Too many attempts failed. */
  ATTEMPTS_EXHAUSTED(false),
  /** Attempts ended with their workers, or by their engines, again and again. */
  POISON_WORK(false);

  private final boolean retryable;

  FailureCode(boolean retryable) {
    this.retryable = retryable;
  }

  /** Whether the session starts another attempt by itself. */
  public boolean retryable() {
    return retryable;
  }
}
