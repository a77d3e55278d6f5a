package io.parley.node.bulk;

/** Bulk cannot start; the message is one line that says why and what to change. */
public final class BulkException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BulkException(String message) {
    super(message);
  }

  BulkException(String message, Throwable cause) {
    super(message, cause);
  }
}
