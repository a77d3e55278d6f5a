package io.parley.workers.engine;

/** The device or its runtime failed; the replica cannot be trusted any more. */
public final class EngineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public EngineException(String message, Throwable cause) {
    super(message, cause);
  }
}
