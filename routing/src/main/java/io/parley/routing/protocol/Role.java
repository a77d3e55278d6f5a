package io.parley.routing.protocol;

/** Who speaks in a message. */
public enum Role {
  SYSTEM,
  USER,
  ASSISTANT,
  /** What a tool gave. */
  TOOL;

  /** The name in chat templates and in the HTTP API. */
  public String wireName() {
    return switch (this) {
      case SYSTEM -> "system";
      case USER -> "user";
      case ASSISTANT -> "assistant";
      case TOOL -> "tool";
    };
  }
}
