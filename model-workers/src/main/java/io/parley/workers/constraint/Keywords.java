package io.parley.workers.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.workers.constraint.Expr.Repeat;
import io.parley.workers.constraint.NumberRange.Bound;
import io.parley.workers.constraint.SchemaException.Kind;
import java.math.BigDecimal;
import java.util.LinkedHashSet;
import java.util.Set;

/** Reads the keywords of a schema, and refuses what they must not say with its place. */
final class Keywords {
  private static final int COUNT_MAX = 100_000;

  /** Keywords that describe and change nothing. */
  static final Set<String> DESCRIBING =
      Set.of(
          "$schema",
          "$id",
          "$comment",
          "$defs",
          "definitions",
          "title",
          "description",
          "default",
          "examples",
          "example",
          "deprecated",
          "readOnly",
          "writeOnly",
          "format",
          "contentEncoding",
          "contentMediaType",
          "strict");

  private Keywords() {}

  /** What it says, or else what its other keywords are for. */
  static Set<String> types(JsonNode schema, String path) {
    JsonNode said = schema.get("type");
    if (said == null) {
      return Set.of(meant(schema));
    }
    if (said.isTextual() && !said.textValue().equals("any")) {
      return Set.of(said.textValue());
    }
    Set<String> types = new LinkedHashSet<>();
    for (JsonNode type : said) {
      types.add(type.asText());
    }
    if (!said.isArray() || types.isEmpty() || types.contains("any")) {
      throw invalid(at(path, "type"), "must be a type or an array of types");
    }
    return types;
  }

  static String meant(JsonNode schema) {
    if (schema.has("properties") || schema.has("required") || schema.has("additionalProperties")) {
      return "object";
    }
    if (schema.has("items") || schema.has("minItems") || schema.has("maxItems")) {
      return "array";
    }
    if (schema.has("pattern") || schema.has("minLength") || schema.has("maxLength")) {
      return "string";
    }
    boolean number =
        schema.has("minimum")
            || schema.has("maximum")
            || schema.has("exclusiveMinimum")
            || schema.has("exclusiveMaximum");
    return number ? "number" : "any";
  }

  static void onlyWith(JsonNode schema, String path, String keyword) {
    schema
        .fieldNames()
        .forEachRemaining(
            other -> {
              if (!other.equals(keyword) && !DESCRIBING.contains(other)) {
                throw unsupported(at(path, other), "is not supported beside '" + keyword + "'");
              }
            });
  }

  static boolean is(JsonNode value, String type) {
    return switch (type) {
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      case "string" -> value.isTextual();
      case "boolean" -> value.isBoolean();
      case "null" -> value.isNull();
      case "number" -> value.isNumber();
      case "integer" -> isFinite(value) && isWhole(value);
      default -> false;
    };
  }

  static Set<String> names(JsonNode said, String path) {
    Set<String> names = new LinkedHashSet<>();
    if (said != null) {
      for (JsonNode name : said) {
        if (!said.isArray() || !name.isTextual()) {
          throw invalid(path, "must be an array of names");
        }
        names.add(name.textValue());
      }
      if (!said.isArray()) {
        throw invalid(path, "must be an array of names");
      }
    }
    return names;
  }

  static void inOrder(int min, int max, String path, String keyword) {
    if (max != Repeat.UNBOUNDED && max < min) {
      throw invalid(at(path, keyword), "must not be below the least");
    }
  }

  static int count(JsonNode schema, String path, String keyword, int otherwise) {
    JsonNode said = schema.get(keyword);
    if (said == null) {
      return otherwise;
    }
    if (!isFinite(said) || !isWhole(said) || said.decimalValue().signum() < 0) {
      throw invalid(at(path, keyword), "must be a whole number, 0 or more");
    }
    if (said.decimalValue().compareTo(BigDecimal.valueOf(COUNT_MAX)) > 0) {
      throw new SchemaException(Kind.TOO_LARGE, at(path, keyword), "must be at most " + COUNT_MAX);
    }
    return said.intValue();
  }

  /** Jackson reads 1e999 as an infinite number. */
  static boolean isFinite(JsonNode value) {
    return value.isNumber() && Double.isFinite(value.doubleValue());
  }

  static boolean isWhole(JsonNode value) {
    return value.decimalValue().stripTrailingZeros().scale() <= 0;
  }

  /** The tighter of two bounds, or null where there is none. */
  static Bound bound(
      JsonNode schema, String path, String inclusive, String exclusive, boolean low) {
    Bound in = bound(schema, path, inclusive, false);
    Bound out = bound(schema, path, exclusive, true);
    if (in == null || out == null) {
      return in == null ? out : in;
    }
    int order = in.value().compareTo(out.value()) * (low ? 1 : -1);
    return order > 0 ? in : out;
  }

  static Bound bound(JsonNode schema, String path, String keyword, boolean exclusive) {
    JsonNode said = schema.get(keyword);
    if (said == null) {
      return null;
    }
    if (!isFinite(said)) {
      throw invalid(at(path, keyword), "must be a number");
    }
    return new Bound(said.decimalValue(), exclusive);
  }

  static String at(String path, String keyword) {
    return path.isEmpty() ? keyword : path + "." + keyword;
  }

  static SchemaException invalid(String path, String rule) {
    return new SchemaException(Kind.INVALID, path, rule);
  }

  static SchemaException unsupported(String path, String rule) {
    return new SchemaException(Kind.UNSUPPORTED, path, rule);
  }
}
