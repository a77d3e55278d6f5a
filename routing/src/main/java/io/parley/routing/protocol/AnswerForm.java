package io.parley.routing.protocol;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * The form that an answer must have. Whoever starts a turn has checked that the worker can hold an
 * answer to it, and has bounded its size: it travels with every attempt and is journaled.
 *
 * @param json the answer is JSON; absent: text
 * @param tools functions that the model may be told of
 * @param toolUse whether the answer may or must be a call of one of them
 * @param function the only one of them that may be called, where one is named
 */
public record AnswerForm(
    Optional<JsonFormat> json, List<Tool> tools, ToolUse toolUse, Optional<String> function) {

  /** What stands before a call in the answer's text. */
  public static final String CALL_BEGIN = "<tool_call>\n{\"name\": \"";

  /** What stands between a call's name and its arguments. */
  public static final String CALL_ARGUMENTS = "\", \"arguments\": ";

  /** What stands behind a call's arguments; no JSON has it inside. */
  public static final String CALL_END = "}\n</tool_call>";

  public AnswerForm {
    json = Objects.requireNonNullElse(json, Optional.empty());
    tools = List.copyOf(tools);
    function = Objects.requireNonNullElse(function, Optional.empty());
  }

  /** JSON and no tools. */
  public static AnswerForm of(JsonFormat json) {
    return new AnswerForm(Optional.of(json), List.of(), ToolUse.NONE, Optional.empty());
  }

  /** The tools that this answer may call; those that the model is told of. */
  public List<Tool> callable() {
    if (toolUse == ToolUse.NONE) {
      return List.of();
    }
    return tools.stream()
        .filter(t -> function.isEmpty() || t.name().equals(function.get()))
        .toList();
  }

  /** A call as it stands in an answer's text; {@code arguments} is JSON. */
  public static String call(String name, String arguments) {
    return CALL_BEGIN + name + CALL_ARGUMENTS + arguments + CALL_END;
  }

  /**
   * Characters of all that a caller wrote into it.
   *
   * @return near enough the bytes that it takes
   */
  public int size() {
    int size =
        json.map(j -> j.name().length() + j.schema().map(String::length).orElse(0)).orElse(0);
    for (Tool tool : tools) {
      size += tool.name().length() + tool.parameters().length();
      size += tool.description().map(String::length).orElse(0);
    }
    return size;
  }

  /**
   * An answer in JSON.
   *
   * @param name what the caller calls it; may be empty
   * @param schema the JSON schema as JSON; absent: any object
   */
  public record JsonFormat(String name, Optional<String> schema) {
    public JsonFormat {
      schema = Objects.requireNonNullElse(schema, Optional.empty());
    }
  }

  /**
   * A function that the caller runs.
   *
   * @param name 1 to 64 of {@code A-Z a-z 0-9 _ -}
   * @param parameters the JSON schema of its arguments as JSON; they are an object
   */
  public record Tool(String name, Optional<String> description, String parameters) {
    public Tool {
      description = Objects.requireNonNullElse(description, Optional.empty());
    }
  }

  /** Whether an answer calls a tool. */
  public enum ToolUse {
    /** It does not. */
    NONE,
    /**
     * As the model likes: an answer without a call has the form that it would have without tools.
     */
    AUTO,
    /** It is one call and nothing else. */
    REQUIRED
  }
}
