package io.parley.persistence.embedded;

/** A child process that does not come up; the message is one line for people. */
public final class ChildException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ChildException(String message, Throwable cause) {
    super(message, cause);
  }
}
