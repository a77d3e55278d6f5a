package io.parley.workers.text;

/** The chat template refused the messages, or failed on them. */
public final class ChatTemplateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ChatTemplateException(String message) {
    super(message);
  }
}
