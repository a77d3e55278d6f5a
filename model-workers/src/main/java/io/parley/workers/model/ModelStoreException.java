package io.parley.workers.model;

/** A model cannot be found, fetched or used; the one-line message says what to do. */
public final class ModelStoreException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ModelStoreException(String message) {
    super(message);
  }

  public ModelStoreException(String message, Throwable cause) {
    super(message, cause);
  }
}
