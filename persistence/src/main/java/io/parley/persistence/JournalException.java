package io.parley.persistence;

/**
 * The journal cannot be used. The message is one line for the person who started the node: what is
 * wrong, where, and what to do.
 */
public final class JournalException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public JournalException(String message) {
    super(message);
  }

  public JournalException(String message, Throwable cause) {
    super(message, cause);
  }
}
