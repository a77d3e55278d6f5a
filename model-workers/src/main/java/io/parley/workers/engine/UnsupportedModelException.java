package io.parley.workers.engine;

/** A sound model file that this engine cannot run; the one-line message says what it lacks. */
public final class UnsupportedModelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UnsupportedModelException(String message) {
    super(message);
  }
}
