package io.parley.workers.gguf;

/** A GGUF file cannot be read: the one-line message says what is wrong and where. */
public final class GgufException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public GgufException(String message) {
    super(message);
  }

  public GgufException(String message, Throwable cause) {
    super(message, cause);
  }
}
