package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.Json;
import io.parley.node.http.JsonInput;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Reads messages: of chat completions, and the items of responses and conversations. A call of a
 * tool becomes part of the assistant's text, written as the model itself would write it.
 */
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

  /** Message items, calls and what they gave; perhaps none. */
  public static List<Message> items(JsonInput in, String field) {
    List<Message> messages = new ArrayList<>();
    for (JsonInput.Element element : in.array(field).orElse(List.of())) {
      JsonInput item = element.object();
      switch (item.string("type").orElse("message")) {
        case "message" -> messages.add(message(item));
        case "function_call" -> addCall(item, messages);
        case "function_call_output" ->
            messages.add(
                new Message(
                    Role.TOOL, content(item, "output"), List.of(item.requiredString("call_id"))));
        default ->
            throw ApiException.badField(
                item.at("type"),
                "unsupported_parameter",
                "Only messages, function calls and their outputs are served.");
      }
    }
    return messages;
  }

  /** A call belongs to what the assistant said right before it. */
  private static void addCall(JsonInput item, List<Message> messages) {
    Message before = messages.isEmpty() ? null : messages.get(messages.size() - 1);
    boolean goesOn = before != null && before.role() == Role.ASSISTANT;
    List<String> ids = new ArrayList<>(goesOn ? before.callIds() : List.of());
    ids.add(item.requiredString("call_id"));
    String text = goesOn ? before.content() : "";
    if (goesOn) {
      messages.remove(messages.size() - 1);
    }
    messages.add(new Message(Role.ASSISTANT, append(text, call(item)), ids));
  }

  private static String append(String text, String call) {
    return text.isEmpty() || text.endsWith("\n") ? text + call : text + "\n" + call;
  }

  private static String call(JsonInput in) {
    String name = Forms.name(in);
    String arguments = in.requiredString("arguments");
    try {
      Json.stored(arguments);
    } catch (ApiException e) {
      throw JsonInput.invalid(in.at("arguments"), "must be JSON.");
    }
    return AnswerForm.call(name, arguments);
  }

  private static Message message(JsonInput in) {
    Role role =
        switch (in.requiredString("role")) {
          case "system", "developer" -> Role.SYSTEM;
          case "user" -> Role.USER;
          case "assistant" -> Role.ASSISTANT;
          case "tool" -> Role.TOOL;
          case "function" ->
              throw ApiException.badField(
                  in.at("role"), "unsupported_parameter", "The role of tools is 'tool'.");
          default ->
              throw JsonInput.invalid(
                  in.at("role"), "must be one of [assistant, developer, system, tool, user].");
        };
    in.string("name");
    in.unsupportedUnless("function_call", Set.of());
    in.unsupportedUnless("audio", Set.of());
    if (role == Role.TOOL) {
      String callId = in.requiredString("tool_call_id");
      return new Message(role, content(in, "content"), List.of(callId));
    }
    List<JsonInput.Element> calls = in.array("tool_calls").orElse(List.of());
    if (calls.isEmpty()) {
      return new Message(role, content(in, "content"));
    }
    if (role != Role.ASSISTANT) {
      throw JsonInput.invalid(in.at("tool_calls"), "is allowed only in messages of the assistant.");
    }
    return withCalls(in, calls);
  }

  private static Message withCalls(JsonInput in, List<JsonInput.Element> calls) {
    String text = in.get("content").isPresent() ? content(in, "content") : "";
    List<String> ids = new ArrayList<>();
    for (JsonInput.Element element : calls) {
      JsonInput call = element.object();
      if (!call.string("type").orElse("function").equals("function")) {
        throw ApiException.badField(
            call.at("type"), "unsupported_parameter", "Only calls of functions are served.");
      }
      ids.add(call.requiredString("id"));
      JsonInput function =
          call.object("function").orElseThrow(() -> JsonInput.missing(call.at("function")));
      text = append(text, call(function));
    }
    return new Message(Role.ASSISTANT, text, ids);
  }

  private static String content(JsonInput in, String field) {
    JsonNode content = in.get(field).orElseThrow(() -> JsonInput.missing(in.at(field)));
    if (content.isTextual()) {
      return content.textValue();
    }
    if (!content.isArray()) {
      throw JsonInput.wrongType(in.at(field), "a string or an array of text parts");
    }
    StringBuilder text = new StringBuilder();
    for (JsonInput.Element element : in.array(field).orElseThrow()) {
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

  /**
   * The last messages of users and tools are the input; where another message is last, it alone is.
   */
  static Split split(List<Message> messages) {
    int cut = messages.size();
    while (cut > 0 && isInput(messages.get(cut - 1).role())) {
      cut--;
    }
    cut = Math.min(cut, messages.size() - 1);
    return new Split(messages.subList(0, cut), messages.subList(cut, messages.size()));
  }

  private static boolean isInput(Role role) {
    return role == Role.USER || role == Role.TOOL;
  }
}
