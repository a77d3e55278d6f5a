package io.parley.workers.constraint;

import static io.parley.workers.constraint.Keywords.at;
import static io.parley.workers.constraint.Keywords.invalid;
import static io.parley.workers.constraint.Keywords.unsupported;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.TextNode;
import io.parley.workers.constraint.Expr.Repeat;
import io.parley.workers.constraint.JsonPieces.Member;
import io.parley.workers.constraint.SchemaException.Kind;
import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A JSON schema as a grammar. What the grammar matches the schema allows; not the other way round:
 * an object has its properties in the order of the schema, and others only where {@code
 * additionalProperties} says so or no property is named. A keyword that is not enforced is refused,
 * unless it only describes.
 */
public final class SchemaCompiler {
  /** Characters of a schema. */
  public static final int CHARS_MAX = 32 * 1024;

  private static final int PROPERTIES_MAX = 256;
  private static final int ENUM_MAX = 1000;
  private static final int OPTIONS_MAX = 64;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** Keywords that count for some types. */
  private static final Set<String> ENFORCED =
      Set.of(
          "type",
          "properties",
          "required",
          "additionalProperties",
          "items",
          "minItems",
          "maxItems",
          "minLength",
          "maxLength",
          "pattern",
          "minimum",
          "maximum",
          "exclusiveMinimum",
          "exclusiveMaximum");

  private final JsonNode root;
  private final Exprs exprs;
  private final JsonPieces pieces;
  private final Map<String, Expr.Rule> rules = new LinkedHashMap<>();
  private final Deque<String> undefined = new ArrayDeque<>();

  private SchemaCompiler(JsonNode root, Exprs exprs, JsonPieces pieces) {
    this.root = root;
    this.exprs = exprs;
    this.pieces = pieces;
  }

  /**
   * Refuses a schema that no answer can be held to.
   *
   * @param schema as it will be stored
   * @param object whether only objects will do
   * @throws SchemaException with the place in the schema
   */
  public static void check(String schema, boolean object) {
    if (schema.length() > CHARS_MAX) {
      throw SchemaException.tooLarge("has more than " + CHARS_MAX + " characters as JSON");
    }
    Exprs exprs = new Exprs();
    Expr whole = compile(parse(schema), exprs, new JsonPieces(exprs));
    // the grammar's own checks: is there a value, does nothing begin with itself
    Grammar grammar = new Grammar(exprs, whole, 0);
    if (object && !grammar.start().onlyBegins('{')) {
      throw new SchemaException(
          Kind.INVALID, "", "must be a schema of objects (\"type\": \"object\")");
    }
  }

  static JsonNode parse(String schema) {
    try {
      return MAPPER.readTree(schema);
    } catch (JsonProcessingException e) {
      throw new SchemaException(Kind.INVALID, "", "is not JSON");
    }
  }

  /** A text as JSON. */
  static String text(String value) {
    return TextNode.valueOf(value).toString();
  }

  static Expr compile(JsonNode schema, Exprs exprs, JsonPieces pieces) {
    SchemaCompiler compiler = new SchemaCompiler(schema, exprs, pieces);
    Expr whole = compiler.value(schema, "");
    while (!compiler.undefined.isEmpty()) {
      String pointer = compiler.undefined.poll();
      String path = pointer.isEmpty() ? "" : pointer.substring(1).replace('/', '.');
      exprs.define(compiler.rules.get(pointer), compiler.value(schema.at(pointer), path));
    }
    return whole;
  }

  private Expr value(JsonNode schema, String path) {
    if (schema.isBoolean()) {
      return schema.booleanValue() ? pieces.any() : exprs.alt(List.of());
    }
    if (!schema.isObject()) {
      throw invalid(path, "must be a schema: an object, true or false");
    }
    if (schema.has("$ref")) {
      Keywords.onlyWith(schema, path, "$ref");
      return reference(schema.get("$ref"), at(path, "$ref"));
    }
    if (schema.has("enum") || schema.has("const")) {
      return oneOfThese(schema, path);
    }
    if (schema.has("anyOf")) {
      Keywords.onlyWith(schema, path, "anyOf");
      return anyOf(schema.get("anyOf"), at(path, "anyOf"));
    }
    if (schema.has("allOf") && schema.get("allOf").size() == 1) {
      Keywords.onlyWith(schema, path, "allOf");
      return value(schema.get("allOf").get(0), at(path, "allOf") + "[0]");
    }
    for (Map.Entry<String, JsonNode> keyword : schema.properties()) {
      if (!ENFORCED.contains(keyword.getKey()) && !Keywords.DESCRIBING.contains(keyword.getKey())) {
        throw unsupported(at(path, keyword.getKey()), "is not supported");
      }
    }
    List<Expr> options = new ArrayList<>();
    for (String type : Keywords.types(schema, path)) {
      options.add(ofType(type, schema, path));
    }
    return exprs.alt(options);
  }

  private Expr ofType(String type, JsonNode schema, String path) {
    return switch (type) {
      case "object" -> object(schema, path);
      case "array" -> array(schema, path);
      case "string" -> string(schema, path);
      case "integer" -> integer(schema, path);
      case "number" -> number(schema, path);
      case "boolean" -> exprs.choice(Set.of("true", "false"));
      case "null" -> exprs.literal("null");
      case "any" -> pieces.any();
      default ->
          throw invalid(
              at(path, "type"),
              "must be of [array, boolean, integer, null, number, object, string]");
    };
  }

  private Expr reference(JsonNode reference, String path) {
    String text = reference.asText();
    if (!reference.isTextual()
        || !text.startsWith("#")
        || (text.length() > 1 && text.charAt(1) != '/')) {
      throw unsupported(path, "must point into the schema itself, like \"#/$defs/name\"");
    }
    String pointer = text.substring(1);
    JsonNode target = root.at(pointer);
    if (target.isMissingNode()) {
      throw invalid(path, "points at nothing");
    }
    Expr.Rule known = rules.get(pointer);
    if (known == null) {
      known = exprs.rule();
      rules.put(pointer, known);
      undefined.add(pointer);
    }
    return known;
  }

  private Expr oneOfThese(JsonNode schema, String path) {
    String keyword = schema.has("enum") ? "enum" : "const";
    for (Map.Entry<String, JsonNode> other : schema.properties()) {
      String name = other.getKey();
      if (!name.equals(keyword) && !name.equals("type") && !Keywords.DESCRIBING.contains(name)) {
        throw unsupported(at(path, name), "is not supported beside '" + keyword + "'");
      }
    }
    JsonNode said = schema.get(keyword);
    List<JsonNode> values = new ArrayList<>();
    if (keyword.equals("const")) {
      values.add(said);
    } else if (said.isArray() && said.size() > 0) {
      said.forEach(values::add);
    } else {
      throw invalid(at(path, keyword), "must be an array of at least one value");
    }
    if (values.size() > ENUM_MAX) {
      throw new SchemaException(
          Kind.TOO_LARGE, at(path, keyword), "has more than " + ENUM_MAX + " values");
    }
    Set<String> types = schema.has("type") ? Keywords.types(schema, path) : Set.of();
    Set<String> texts = new LinkedHashSet<>();
    List<Expr> options = new ArrayList<>();
    for (JsonNode value : values) {
      if (types.isEmpty() || types.stream().anyMatch(type -> Keywords.is(value, type))) {
        if (value.isContainerNode()) {
          options.add(exactly(value));
        } else {
          texts.add(value.toString());
        }
      }
    }
    if (!texts.isEmpty()) {
      options.add(exprs.choice(texts));
    }
    if (options.isEmpty()) {
      throw invalid(at(path, keyword), "has no value of the type");
    }
    return exprs.alt(options);
  }

  /** One value, with any white space. */
  private Expr exactly(JsonNode value) {
    if (value.isObject()) {
      List<Member> members = new ArrayList<>();
      for (Map.Entry<String, JsonNode> field : value.properties()) {
        members.add(new Member(field.getKey(), exactly(field.getValue()), true));
      }
      return pieces.object(members, null);
    }
    if (value.isArray()) {
      List<Expr> items = new ArrayList<>();
      value.forEach(item -> items.add(exactly(item)));
      return pieces.tuple(items);
    }
    return exprs.literal(value.toString());
  }

  private Expr anyOf(JsonNode options, String path) {
    if (!options.isArray() || options.isEmpty()) {
      throw invalid(path, "must be an array of at least one schema");
    }
    if (options.size() > OPTIONS_MAX) {
      throw new SchemaException(Kind.TOO_LARGE, path, "has more than " + OPTIONS_MAX + " schemas");
    }
    List<Expr> compiled = new ArrayList<>();
    for (int i = 0; i < options.size(); i++) {
      compiled.add(value(options.get(i), path + "[" + i + "]"));
    }
    return exprs.alt(compiled);
  }

  private Expr object(JsonNode schema, String path) {
    JsonNode properties = schema.path("properties");
    if (schema.has("properties") && !properties.isObject()) {
      throw invalid(at(path, "properties"), "must be an object");
    }
    if (properties.size() > PROPERTIES_MAX) {
      throw new SchemaException(
          Kind.TOO_LARGE,
          at(path, "properties"),
          "has more than " + PROPERTIES_MAX + " properties");
    }
    Set<String> required = Keywords.names(schema.get("required"), at(path, "required"));
    Expr others = others(schema, path);
    List<Member> members = new ArrayList<>();
    for (Map.Entry<String, JsonNode> property : properties.properties()) {
      String name = property.getKey();
      Expr value = value(property.getValue(), at(at(path, "properties"), name));
      members.add(new Member(name, value, required.remove(name)));
    }
    for (String name : required) {
      if (others == null) {
        throw invalid(at(path, "required"), "names '" + name + "', which no property is called");
      }
      members.add(new Member(name, others, true));
    }
    return pieces.object(members, others);
  }

  private Expr others(JsonNode schema, String path) {
    JsonNode said = schema.get("additionalProperties");
    if (said == null) {
      return schema.has("properties") ? null : pieces.any();
    }
    return said.isBoolean() && !said.booleanValue()
        ? null
        : value(said, at(path, "additionalProperties"));
  }

  private Expr array(JsonNode schema, String path) {
    JsonNode items = schema.get("items");
    if (items != null && items.isArray()) {
      throw unsupported(at(path, "items"), "must be one schema");
    }
    int min = Keywords.count(schema, path, "minItems", 0);
    int max = Keywords.count(schema, path, "maxItems", Repeat.UNBOUNDED);
    Keywords.inOrder(min, max, path, "maxItems");
    Expr item = items == null ? pieces.any() : value(items, at(path, "items"));
    return pieces.array(item, min, max);
  }

  private Expr string(JsonNode schema, String path) {
    JsonNode pattern = schema.get("pattern");
    if (pattern != null) {
      if (schema.has("minLength") || schema.has("maxLength")) {
        throw unsupported(at(path, "pattern"), "is not supported beside a length");
      }
      if (!pattern.isTextual()) {
        throw invalid(at(path, "pattern"), "must be a string");
      }
      return pieces.quoted(
          new PatternCompiler(pattern.textValue(), at(path, "pattern"), exprs, pieces).compile());
    }
    int min = Keywords.count(schema, path, "minLength", 0);
    int max = Keywords.count(schema, path, "maxLength", Repeat.UNBOUNDED);
    Keywords.inOrder(min, max, path, "maxLength");
    return pieces.string(min, max);
  }

  private Expr integer(JsonNode schema, String path) {
    NumberRange.Bound low = Keywords.bound(schema, path, "minimum", "exclusiveMinimum", true);
    NumberRange.Bound high = Keywords.bound(schema, path, "maximum", "exclusiveMaximum", false);
    if (low == null && high == null) {
      return pieces.integer();
    }
    BigInteger most = BigInteger.TEN.pow(JsonPieces.DIGITS_MAX);
    BigInteger from = low == null ? most.negate() : low.leastInteger();
    BigInteger to = high == null ? most : high.greatestInteger();
    return new NumberRange(exprs).integers(from, to);
  }

  private Expr number(JsonNode schema, String path) {
    NumberRange.Bound low = Keywords.bound(schema, path, "minimum", "exclusiveMinimum", true);
    NumberRange.Bound high = Keywords.bound(schema, path, "maximum", "exclusiveMaximum", false);
    if (low == null && high == null) {
      return pieces.number();
    }
    return new NumberRange(exprs).decimals(low, high);
  }
}
