package io.parley.workers.safetensors;

/** A Safetensors file cannot be read: the one-line message says what is wrong and where. */
public final class SafetensorsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public SafetensorsException(String message) {
    super(message);
  }

  public SafetensorsException(String message, Throwable cause) {
    super(message, cause);
  }
}
