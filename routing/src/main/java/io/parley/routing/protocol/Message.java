package io.parley.routing.protocol;

import java.util.List;
import java.util.Objects;

/**
 * One message of a conversation, as the chat template sees it.
 *
 * @param content text; calls of tools stand in it as {@link AnswerForm#call} writes them
 * @param callIds what a caller names calls of tools by: the calls in an assistant's message, in
 *     their order, or the one that a tool's message answers. The model does not see them
 */
public record Message(Role role, String content, List<String> callIds) {
  public Message {
    callIds = List.copyOf(Objects.requireNonNullElse(callIds, List.of()));
  }

  /** A message without calls. */
  public Message(Role role, String content) {
    this(role, content, List.of());
  }
}
