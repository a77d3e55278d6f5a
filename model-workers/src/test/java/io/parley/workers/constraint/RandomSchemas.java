package io.parley.workers.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Schemas out of a seed, and values that meet them. */
final class RandomSchemas {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String[] NAMES = {
    "a", "ab", "name", "größe", "x y", "日本", "q\"uote", "n/a", "😀"
  };

  /** Patterns, each with texts that match. */
  private static final Map<String, List<String>> PATTERNS =
      Map.of(
          "^[A-Z]{2}-\\d{3,4}$", List.of("AB-123", "ZZ-0000"),
          "^(red|green|blue)?$", List.of("red", "blue", ""),
          "b+c", List.of("bc", "abbbcd", "ü bc \""),
          "^[^\\d\\s\"]+$", List.of("abc", "é-_", "日本"),
          "^a.c\\.$", List.of("abc.", "a\"c.", "a😀c."),
          "^(?:[a-f0-9]{2}:){2}[a-f0-9]{2}$", List.of("00:1f:aa"),
          "^\\w*\\\\$", List.of("\\", "ab\\"));

  private final Random random;

  RandomSchemas(long seed) {
    random = new Random(seed);
  }

  ObjectNode schema() {
    ObjectNode root = JSON.objectNode();
    ObjectNode schema = schema(3);
    root.setAll(schema);
    // a list that refers to itself, for schemas that want one
    ObjectNode node = JSON.objectNode().put("type", "object").put("additionalProperties", false);
    ObjectNode properties = node.putObject("properties");
    properties.putObject("value").put("type", "integer");
    properties
        .putObject("next")
        .putArray("anyOf")
        .addAll(
            List.of(
                JSON.objectNode().put("$ref", "#/$defs/node"),
                JSON.objectNode().put("type", "null")));
    node.putArray("required").add("value").add("next");
    root.putObject("$defs").set("node", node);
    return root;
  }

  private ObjectNode schema(int depth) {
    ObjectNode schema = JSON.objectNode();
    switch (random.nextInt(depth > 0 ? 13 : 8)) {
      case 0 -> {
        schema.put("type", "string");
        if (random.nextBoolean()) {
          schema.put("minLength", random.nextInt(3)).put("maxLength", 2 + random.nextInt(30));
        }
      }
      case 1 -> {
        schema.put("type", "integer");
        if (random.nextBoolean()) {
          int min = random.nextInt(2000) - 1000;
          schema.put("minimum", min).put("maximum", min + random.nextInt(3000));
        } else if (random.nextBoolean()) {
          schema.put("exclusiveMinimum", random.nextInt(100) - 50);
        }
      }
      case 2 -> {
        schema.put("type", "number");
        if (random.nextBoolean()) {
          BigDecimal min = BigDecimal.valueOf(random.nextInt(40_000) - 20_000, random.nextInt(4));
          schema
              .put("minimum", min)
              .put("exclusiveMaximum", min.add(BigDecimal.valueOf(1 + random.nextInt(9999), 3)));
        }
      }
      case 3 -> schema.put("type", random.nextBoolean() ? "boolean" : "null");
      case 4 -> {
        ArrayNode values = schema.putArray("enum");
        values.add("é\n\"x").add("abc").add("ab").add(17).add(true).addNull();
        values.addObject().put("k", 1).putArray("l").add(2.5);
      }
      case 5 -> schema.putArray("type").add("string").add("integer");
      case 6 -> {
        List<String> patterns = new ArrayList<>(PATTERNS.keySet());
        patterns.sort(null);
        schema.put("type", "string").put("pattern", patterns.get(random.nextInt(patterns.size())));
      }
      case 7 -> schema.put("$ref", "#/$defs/node");
      case 8, 9, 10 -> object(schema, depth);
      case 11 -> {
        schema.put("type", "array").set("items", schema(depth - 1));
        if (random.nextBoolean()) {
          int min = random.nextInt(3);
          schema.put("minItems", min).put("maxItems", min + random.nextInt(4));
        }
      }
      default -> schema.putArray("anyOf").add(schema(depth - 1)).add(schema(depth - 1));
    }
    return schema;
  }

  private void object(ObjectNode schema, int depth) {
    schema.put("type", "object");
    ObjectNode properties = schema.putObject("properties");
    ArrayNode required = JSON.arrayNode();
    for (String name : NAMES) {
      if (random.nextInt(3) == 0) {
        properties.set(name, schema(depth - 1));
        if (random.nextBoolean()) {
          required.add(name);
        }
      }
    }
    schema.set("required", required);
    switch (random.nextInt(3)) {
      case 0 -> schema.put("additionalProperties", false);
      case 1 -> schema.putObject("additionalProperties").put("type", "boolean");
      default -> {}
    }
  }

  /** A value that meets the schema, its properties in the schema's order. */
  JsonNode value(JsonNode schema, JsonNode root, int depth) {
    if (schema.has("$ref")) {
      return value(root.at(schema.get("$ref").textValue().substring(1)), root, depth - 1);
    }
    if (schema.has("enum")) {
      return schema.get("enum").get(random.nextInt(schema.get("enum").size()));
    }
    if (schema.has("anyOf")) {
      JsonNode options = schema.get("anyOf");
      // the later options end what refers to itself
      return value(
          options.get(depth > 0 ? random.nextInt(options.size()) : options.size() - 1),
          root,
          depth - 1);
    }
    String type =
        schema.get("type").isArray()
            ? schema.get("type").get(random.nextInt(2)).textValue()
            : schema.get("type").textValue();
    return switch (type) {
      case "object" -> objectValue(schema, root, depth);
      case "array" -> {
        ArrayNode array = JSON.arrayNode();
        int min = schema.path("minItems").asInt(0);
        int count = min + random.nextInt(schema.path("maxItems").asInt(min + 3) - min + 1);
        for (int i = 0; i < count; i++) {
          array.add(value(schema.get("items"), root, depth - 1));
        }
        yield array;
      }
      case "string" -> JSON.textNode(text(schema));
      case "integer" -> {
        long min =
            schema.path("minimum").asLong(schema.path("exclusiveMinimum").asLong(-1_000_000) + 1);
        long max = schema.path("maximum").asLong(min + 5_000_000);
        yield JSON.numberNode(min + random.nextLong(max - min + 1));
      }
      case "number" -> {
        if (!schema.has("minimum")) {
          yield random.nextBoolean()
              ? JSON.numberNode(random.nextGaussian() * 1e9)
              : JSON.numberNode(random.nextInt());
        }
        BigDecimal min = schema.get("minimum").decimalValue();
        BigDecimal room = schema.get("exclusiveMaximum").decimalValue().subtract(min);
        BigDecimal part =
            room.multiply(BigDecimal.valueOf(random.nextInt(1000), 3))
                .setScale(6, java.math.RoundingMode.DOWN);
        yield JSON.numberNode(new BigDecimal(min.add(part).toPlainString()));
      }
      case "boolean" -> JSON.booleanNode(random.nextBoolean());
      default -> JSON.nullNode();
    };
  }

  private ObjectNode objectValue(JsonNode schema, JsonNode root, int depth) {
    ObjectNode object = JSON.objectNode();
    for (Map.Entry<String, JsonNode> property : schema.get("properties").properties()) {
      boolean required = false;
      for (JsonNode name : schema.get("required")) {
        required |= name.textValue().equals(property.getKey());
      }
      if (required || random.nextBoolean()) {
        object.set(property.getKey(), value(property.getValue(), root, depth - 1));
      }
    }
    if (schema.path("additionalProperties").isObject() && random.nextBoolean()) {
      object.put("abc", true).put("na", false).put("ü", true);
    }
    return object;
  }

  private String text(JsonNode schema) {
    if (schema.has("pattern")) {
      List<String> texts = PATTERNS.get(schema.get("pattern").textValue());
      return texts.get(random.nextInt(texts.size()));
    }
    int min = schema.path("minLength").asInt(0);
    int length = min + random.nextInt(schema.path("maxLength").asInt(min + 12) - min + 1);
    StringBuilder text = new StringBuilder();
    String[] characters = {
      "a", "é", "\"", "\\", "\n", "\u0001", "日", "😀", " ", "/", "\u007f", "Z"
    };
    for (int i = 0; i < length; i++) {
      text.append(characters[random.nextInt(characters.length)]);
    }
    return text.toString();
  }
}
