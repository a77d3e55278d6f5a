package io.parley.workers.sampling;

/** A row of logits holds NaN, +infinity or nothing finite; no token can be drawn from it. */
public final class BadLogitsException extends Exception {
  private static final long serialVersionUID = 1L;

  public BadLogitsException(String message) {
    super(message);
  }
}
