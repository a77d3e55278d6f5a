package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.Json;
import io.parley.node.http.JsonInput;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import io.parley.workers.constraint.SchemaCompiler;
import io.parley.workers.constraint.SchemaException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Reads the form that an answer must have: {@code response_format}, {@code text.format}, tools. */
final class Forms {
  private static final int TOOLS_MAX = 64;
  private static final int CHARS_MAX = 64 * 1024;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]{1,64}");
  private static final String NO_ARGUMENTS = "{\"type\":\"object\",\"properties\":{}}";

  private Forms() {}

  /** Of a chat completion. */
  static Optional<AnswerForm> chat(JsonInput in) {
    Optional<JsonFormat> json =
        in.object("response_format")
            .flatMap(
                format ->
                    format(
                        format,
                        () ->
                            format
                                .object("json_schema")
                                .orElseThrow(() -> JsonInput.missing(format.at("json_schema")))));
    List<Tool> tools = new ArrayList<>();
    for (JsonInput.Element element : in.array("tools").orElse(List.of())) {
      JsonInput tool = element.object();
      functionOnly(tool);
      tools.add(
          tool(tool.object("function").orElseThrow(() -> JsonInput.missing(tool.at("function")))));
    }
    return form(in, json, tools, choice -> choice.object("function").map(f -> f));
  }

  /** Of a response. */
  static Optional<AnswerForm> response(JsonInput in) {
    Optional<JsonFormat> json =
        in.object("text")
            .flatMap(text -> text.object("format"))
            .flatMap(format -> format(format, () -> format));
    List<Tool> tools = new ArrayList<>();
    for (JsonInput.Element element : in.array("tools").orElse(List.of())) {
      JsonInput tool = element.object();
      functionOnly(tool);
      tools.add(tool(tool));
    }
    return form(in, json, tools, Optional::of);
  }

  /** Where a format has its schema, or a choice its function: the two APIs differ in it. */
  private interface Place {
    JsonInput get();
  }

  private interface Named {
    Optional<JsonInput> in(JsonInput choice);
  }

  private static Optional<JsonFormat> format(JsonInput format, Place schemaPlace) {
    String type = format.requiredString("type");
    return switch (type) {
      case "text" -> Optional.empty();
      case "json_object" -> Optional.of(new JsonFormat("", Optional.empty()));
      case "json_schema" -> {
        JsonInput place = schemaPlace.get();
        String name = name(place);
        place.bool("strict");
        place.string("description");
        JsonNode schema =
            place.get("schema").orElseThrow(() -> JsonInput.missing(place.at("schema")));
        check(schema, place.at("schema"), false);
        yield Optional.of(new JsonFormat(name, Optional.of(schema.toString())));
      }
      default ->
          throw JsonInput.invalid(
              format.at("type"), "must be one of [json_object, json_schema, text].");
    };
  }

  private static void functionOnly(JsonInput tool) {
    if (!tool.requiredString("type").equals("function")) {
      throw ApiException.badField(
          tool.at("type"), "unsupported_parameter", "Only tools of type 'function' are served.");
    }
  }

  private static Tool tool(JsonInput in) {
    String name = name(in);
    in.bool("strict");
    Optional<JsonNode> parameters =
        in.get("parameters").filter(schema -> !(schema.isObject() && schema.isEmpty()));
    parameters.ifPresent(schema -> check(schema, in.at("parameters"), true));
    return new Tool(
        name, in.string("description"), parameters.map(JsonNode::toString).orElse(NO_ARGUMENTS));
  }

  /** A function's or a schema's name. */
  static String name(JsonInput in) {
    String name = in.requiredString("name");
    if (!NAME.matcher(name).matches()) {
      throw JsonInput.invalid(in.at("name"), "must be 1 to 64 of A-Z, a-z, 0-9, _ and -.");
    }
    return name;
  }

  private static void check(JsonNode schema, String path, boolean object) {
    try {
      SchemaCompiler.check(schema.toString(), object);
    } catch (SchemaException e) {
      throw refused(e, path);
    }
  }

  private static ApiException refused(SchemaException e, String path) {
    String at = e.path().isEmpty() ? path : path + "." + e.path();
    String message = "'" + at + "' " + e.getMessage() + ".";
    return switch (e.kind()) {
      case INVALID -> ApiException.badField(at, "invalid_schema", message);
      case UNSUPPORTED -> ApiException.badField(at, "unsupported_schema", message);
      case TOO_LARGE -> ApiException.badField(at, "schema_too_large", message);
    };
  }

  private static Optional<AnswerForm> form(
      JsonInput in, Optional<JsonFormat> json, List<Tool> tools, Named function) {
    in.bool("parallel_tool_calls"); // a permission of which no use is made: an answer calls once
    Set<String> names = new HashSet<>();
    for (int i = 0; i < tools.size(); i++) {
      if (!names.add(tools.get(i).name())) {
        throw JsonInput.invalid(in.at("tools[" + i + "]"), "has the name of another tool.");
      }
    }
    if (tools.size() > TOOLS_MAX) {
      throw JsonInput.invalid(in.at("tools"), "has at most " + TOOLS_MAX + " tools.");
    }
    Optional<JsonNode> choice = in.get("tool_choice");
    ToolUse use = tools.isEmpty() ? ToolUse.NONE : ToolUse.AUTO;
    Optional<String> only = Optional.empty();
    if (choice.isPresent() && choice.get() instanceof ObjectNode) {
      JsonInput object = in.object("tool_choice").orElseThrow();
      functionOnly(object);
      JsonInput place =
          function.in(object).orElseThrow(() -> JsonInput.missing(object.at("function")));
      only = Optional.of(place.requiredString("name"));
      if (!names.contains(only.get())) {
        throw JsonInput.invalid(place.at("name"), "must be the name of one of the tools.");
      }
      use = ToolUse.REQUIRED;
    } else {
      String word = in.oneOf("tool_choice", Set.of("none", "auto", "required")).orElse("auto");
      if (word.equals("required")) {
        use = ToolUse.REQUIRED;
      } else if (word.equals("none")) {
        use = ToolUse.NONE;
      }
      if (use == ToolUse.REQUIRED && tools.isEmpty()) {
        throw JsonInput.invalid(in.at("tool_choice"), "needs 'tools'.");
      }
    }
    if (json.isEmpty() && tools.isEmpty()) {
      return Optional.empty();
    }
    AnswerForm form = new AnswerForm(json, tools, use, only);
    if (form.size() > CHARS_MAX) {
      throw ApiException.badField(
          in.at("tools"),
          "schema_too_large",
          "Tools and schemas have at most " + CHARS_MAX + " characters together.");
    }
    return Optional.of(form);
  }

  /** {@code tools} of a response. */
  static void tools(ObjectNode node, Optional<AnswerForm> form) {
    var array = node.putArray("tools");
    for (Tool tool : form.map(AnswerForm::tools).orElse(List.of())) {
      ObjectNode one = array.addObject().put("type", "function").put("name", tool.name());
      one.put("description", tool.description().orElse(null));
      one.set("parameters", Json.stored(tool.parameters()));
      one.put("strict", true);
    }
  }

  /** {@code tool_choice} of a response. */
  static void choice(ObjectNode node, Optional<AnswerForm> form) {
    if (form.flatMap(AnswerForm::function).isPresent()) {
      node.putObject("tool_choice")
          .put("type", "function")
          .put("name", form.get().function().get());
    } else {
      ToolUse use = form.map(AnswerForm::toolUse).orElse(ToolUse.NONE);
      node.put(
          "tool_choice",
          use == ToolUse.AUTO ? "auto" : use == ToolUse.REQUIRED ? "required" : "none");
    }
  }

  /** {@code text.format} of a response. */
  static void format(ObjectNode node, Optional<AnswerForm> form) {
    Optional<JsonFormat> json = form.flatMap(AnswerForm::json);
    Optional<String> schema = json.flatMap(JsonFormat::schema);
    node.put("type", json.isEmpty() ? "text" : schema.isEmpty() ? "json_object" : "json_schema");
    schema.ifPresent(
        text -> {
          node.put("name", json.get().name());
          node.set("schema", Json.stored(text));
          node.put("strict", true);
        });
  }
}
