package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.JsonInput;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Reads messages: of chat completions, and the message items of responses and conversations. */
public final class Messages {
  private static final Set<String> TEXT_PARTS = Set.of("text", "input_text", "output_text");

  private Messages() {}

  /** At least one chat message. */
  static List<Message> required(JsonInput in, String field) {
    List<JsonInput.Element> elements =
        in.array(field).orElseThrow(() -> JsonInput.missing(in.at(field)));
    if (elements.isEmpty()) {
      throw JsonInput.invalid(in.at(field), "must have at least one message.");
    }
    return elements.stream().map(element -> message(element.object())).toList();
  }

  /** Chat messages, perhaps none. */
  public static List<Message> optional(JsonInput in, String field) {
    return in.array(field).orElse(List.of()).stream()
        .map(element -> message(element.object()))
        .toList();
  }

  /** Message items, as in responses and conversations; a plain string is one user message. */
  static List<Message> input(JsonInput in, String field) {
    JsonNode value = in.get(field).orElseThrow(() -> JsonInput.missing(in.at(field)));
    if (value.isTextual()) {
      return List.of(new Message(Role.USER, value.textValue()));
    }
    if (!value.isArray()) {
      throw JsonInput.wrongType(in.at(field), "a string or an array");
    }
    List<Message> items = items(in, field);
    if (items.isEmpty()) {
      throw JsonInput.invalid(in.at(field), "must have at least one item.");
    }
    return items;
  }

  /** Message items, perhaps none. */
  public static List<Message> items(JsonInput in, String field) {
    List<Message> messages = new ArrayList<>();
    for (JsonInput.Element element : in.array(field).orElse(List.of())) {
      JsonInput item = element.object();
      String type = item.string("type").orElse("message");
      if (!type.equals("message")) {
        throw ApiException.badField(
            item.at("type"), "unsupported_parameter", "Only items of type 'message' are served.");
      }
      messages.add(message(item));
    }
    return messages;
  }

  private static Message message(JsonInput in) {
    Role role =
        switch (in.requiredString("role")) {
          case "system", "developer" -> Role.SYSTEM;
          case "user" -> Role.USER;
          case "assistant" -> Role.ASSISTANT;
          case "tool", "function" ->
              throw ApiException.badField(
                  in.at("role"), "unsupported_parameter", "Tools are not supported.");
          default ->
              throw JsonInput.invalid(
                  in.at("role"), "must be one of [assistant, developer, system, user].");
        };
    in.string("name");
    in.unsupportedUnless("tool_calls", Set.of("[]"));
    in.unsupportedUnless("function_call", Set.of());
    in.unsupportedUnless("audio", Set.of());
    return new Message(role, content(in));
  }

  private static String content(JsonInput in) {
    JsonNode content = in.get("content").orElseThrow(() -> JsonInput.missing(in.at("content")));
    if (content.isTextual()) {
      return content.textValue();
    }
    if (!content.isArray()) {
      throw JsonInput.wrongType(in.at("content"), "a string or an array of text parts");
    }
    StringBuilder text = new StringBuilder();
    for (JsonInput.Element element : in.array("content").orElseThrow()) {
      JsonInput part = element.object();
      if (!TEXT_PARTS.contains(part.requiredString("type"))) {
        throw ApiException.badField(
            part.at("type"), "unsupported_parameter", "Only parts of text are served.");
      }
      text.append(part.requiredString("text"));
    }
    return text.toString();
  }

  /** Where a list of messages is cut into what came before and a turn's input. */
  record Split(List<Message> history, List<Message> input) {}

  /** The last user messages are the input; where another message is last, it alone is. */
  static Split split(List<Message> messages) {
    int cut = messages.size();
    while (cut > 0 && messages.get(cut - 1).role() == Role.USER) {
      cut--;
    }
    cut = Math.min(cut, messages.size() - 1);
    return new Split(messages.subList(0, cut), messages.subList(cut, messages.size()));
  }
}
