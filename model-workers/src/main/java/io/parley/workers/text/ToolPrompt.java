package io.parley.workers.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Tools in the words of system and user messages, for models whose template has none of its own:
 * the words of the Hermes and Qwen models, in which an answer's call is written, too.
 */
final class ToolPrompt {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private ToolPrompt() {}

  /**
   * The same conversation without tools: they are described behind the first message if it is the
   * system's, else in a new one before it; what tools gave is said by the user.
   */
  static List<Message> plain(List<Message> messages, List<Tool> tools) {
    List<Message> plain = new ArrayList<>();
    boolean told = tools.isEmpty();
    Role before = null;
    for (Message message : messages) {
      Role role = message.role();
      if (!told && role == Role.SYSTEM) {
        plain.add(new Message(role, message.content() + "\n\n" + description(tools)));
      } else {
        if (!told) {
          plain.add(new Message(Role.SYSTEM, description(tools)));
        }
        addPlain(message, before, plain);
      }
      told = true;
      before = role;
    }
    return plain;
  }

  private static void addPlain(Message message, Role before, List<Message> plain) {
    if (message.role() != Role.TOOL) {
      plain.add(message);
      return;
    }
    String response = "<tool_response>\n" + message.content() + "\n</tool_response>";
    if (before == Role.TOOL) { // one message for all that came back
      Message last = plain.remove(plain.size() - 1);
      response = last.content() + "\n" + response;
    }
    plain.add(new Message(Role.USER, response));
  }

  private static String description(List<Tool> tools) {
    StringBuilder text =
        new StringBuilder(
            """
            # Tools

            You may call a function to assist with the user query.

            You are provided with function signatures within <tools></tools> XML tags:
            <tools>
            """);
    tools.forEach(tool -> text.append(json(tool)).append('\n'));
    text.append(
        """
        </tools>

        For a function call, return a json object with function name and arguments within \
        <tool_call></tool_call> XML tags:
        """);
    String call = AnswerForm.call("*", "<args-json-object>");
    return text.append(call.replace("\"*\"", "<function-name>")).toString();
  }

  /** A tool as JSON, as templates show it, too. */
  static String json(Tool tool) {
    ObjectNode node = JsonNodeFactory.instance.objectNode().put("type", "function");
    ObjectNode function = node.putObject("function").put("name", tool.name());
    tool.description().ifPresent(text -> function.put("description", text));
    try {
      function.set("parameters", MAPPER.readTree(tool.parameters()));
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
    return node.toString();
  }

  /** A tool as a template finds it. */
  static Map<String, Object> binding(Tool tool) {
    try {
      @SuppressWarnings("unchecked") // JSON objects have names that are strings
      Map<String, Object> binding = MAPPER.readValue(json(tool), LinkedHashMap.class);
      return binding;
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }
}
