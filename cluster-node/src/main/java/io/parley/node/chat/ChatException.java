package io.parley.node.chat;

/** The node refused, or could not be reached for too long; the message is for people. */
public final class ChatException extends Exception {
  private static final long serialVersionUID = 1L;

  public ChatException(String message) {
    super(message);
  }
}
