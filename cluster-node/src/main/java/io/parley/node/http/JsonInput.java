package io.parley.node.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A JSON object of a request, read field by field. {@code null} counts as absent. Whatever does not
 * fit is refused with the field's path and what it allows.
 */
public record JsonInput(ObjectNode node, String path) {

  private static final int METADATA_ENTRIES_MAX = 16;
  private static final int METADATA_KEY_CHARS_MAX = 64;
  private static final int METADATA_VALUE_CHARS_MAX = 512;

  /** The whole body. */
  public static JsonInput root(ObjectNode node) {
    return new JsonInput(node, "");
  }

  /** The path of a field, like {@code messages[2].content}. */
  public String at(String field) {
    return path.isEmpty() ? field : path + "." + field;
  }

  /** The field as it is, unless absent or null. */
  public Optional<JsonNode> get(String field) {
    JsonNode value = node.get(field);
    return value == null || value.isNull() ? Optional.empty() : Optional.of(value);
  }

  public Optional<String> string(String field) {
    return get(field)
        .map(
            value -> {
              if (!value.isTextual()) {
                throw wrongType(at(field), "a string");
              }
              return value.textValue();
            });
  }

  public String requiredString(String field) {
    return string(field).orElseThrow(() -> missing(at(field)));
  }

  public Optional<Boolean> bool(String field) {
    return get(field)
        .map(
            value -> {
              if (!value.isBoolean()) {
                throw wrongType(at(field), "true or false");
              }
              return value.booleanValue();
            });
  }

  /** A number from {@code min} to {@code max}, both allowed. */
  public Optional<Double> number(String field, double min, double max) {
    return get(field)
        .map(
            value -> {
              if (!value.isNumber()) {
                throw wrongType(at(field), "a number");
              }
              double number = value.doubleValue();
              if (!(number >= min && number <= max)) { // so that NaN is refused, too
                throw outOfRange(at(field), plain(min), plain(max));
              }
              return number;
            });
  }

  /** A whole number from {@code min} to {@code max}, both allowed; 3.0 counts as whole. */
  public Optional<Long> integer(String field, long min, long max) {
    return get(field)
        .map(
            value -> {
              if (!value.isNumber()) {
                throw wrongType(at(field), "an integer");
              }
              double asDouble = value.doubleValue();
              if (!value.isIntegralNumber() && asDouble != Math.rint(asDouble)) {
                throw wrongType(at(field), "an integer");
              }
              boolean fits = value.canConvertToLong();
              if (!fits || value.longValue() < min || value.longValue() > max) {
                throw outOfRange(at(field), Long.toString(min), Long.toString(max));
              }
              return value.longValue();
            });
  }

  public Optional<JsonInput> object(String field) {
    return get(field).map(value -> asObject(value, at(field)));
  }

  /** The elements of an array, each with its path. */
  public Optional<List<Element>> array(String field) {
    return get(field)
        .map(
            value -> {
              if (!value.isArray()) {
                throw wrongType(at(field), "an array");
              }
              List<Element> elements = new ArrayList<>(value.size());
              for (int i = 0; i < value.size(); i++) {
                elements.add(new Element(value.get(i), at(field) + "[" + i + "]"));
              }
              return elements;
            });
  }

  /** One of a few words. */
  public Optional<String> oneOf(String field, Set<String> allowed) {
    Optional<String> word = string(field);
    word.filter(w -> !allowed.contains(w))
        .ifPresent(
            w -> {
              throw invalid(
                  at(field), "must be one of " + allowed.stream().sorted().toList() + ".");
            });
    return word;
  }

  /** The caller's labels: up to 16 pairs of strings. */
  public Map<String, String> metadata(String field) {
    Map<String, String> labels = new LinkedHashMap<>();
    object(field)
        .ifPresent(
            object -> {
              if (object.node().size() > METADATA_ENTRIES_MAX) {
                throw invalid(at(field), "holds at most " + METADATA_ENTRIES_MAX + " pairs.");
              }
              for (Map.Entry<String, JsonNode> entry : object.node().properties()) {
                labels.put(entry.getKey(), label(object, entry.getKey()));
              }
            });
    return labels;
  }

  private static String label(JsonInput object, String key) {
    String value = object.requiredString(key);
    if (key.isEmpty() || key.length() > METADATA_KEY_CHARS_MAX) {
      throw invalid(object.path(), "has keys of 1 to " + METADATA_KEY_CHARS_MAX + " characters.");
    }
    if (key.startsWith("parley.")) {
      throw invalid(
          object.at(key), "is reserved: names that begin with 'parley.' are the server's.");
    }
    if (value.length() > METADATA_VALUE_CHARS_MAX) {
      throw invalid(object.at(key), "has at most " + METADATA_VALUE_CHARS_MAX + " characters.");
    }
    return value;
  }

  /** Refuses a field that is known but not served, unless it asks for what is done anyway. */
  public void unsupportedUnless(String field, Set<String> harmless) {
    get(field)
        .filter(
            value -> !harmless.contains(value.isTextual() ? value.textValue() : value.toString()))
        .ifPresent(
            value -> {
              throw ApiException.badField(
                  at(field), "unsupported_parameter", "'" + at(field) + "' is not supported.");
            });
  }

  /** An element of an array. */
  public record Element(JsonNode value, String path) {
    public JsonInput object() {
      return asObject(value, path);
    }
  }

  private static JsonInput asObject(JsonNode value, String path) {
    if (value instanceof ObjectNode object) {
      return new JsonInput(object, path);
    }
    throw wrongType(path, "an object");
  }

  public static ApiException missing(String path) {
    return ApiException.badField(path, "missing_required_parameter", "'" + path + "' is required.");
  }

  public static ApiException wrongType(String path, String wanted) {
    return ApiException.badField(path, "invalid_type", "'" + path + "' must be " + wanted + ".");
  }

  public static ApiException invalid(String path, String rule) {
    return ApiException.badField(path, "invalid_value", "'" + path + "' " + rule);
  }

  private static ApiException outOfRange(String path, String min, String max) {
    return invalid(path, "must be from " + min + " to " + max + ".");
  }

  private static String plain(double bound) {
    return bound == Math.rint(bound) ? Long.toString((long) bound) : Double.toString(bound);
  }
}
