package io.parley.node.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Strict JSON: UTF-8 only, no duplicate keys (two readers could understand such a request
 * differently), no NaN, nothing after the value, bounded depth and numbers, and no unpaired
 * surrogates, since no tokenizer and no store could keep them.
 */
public final class Json {
  /** Deeper than any request of the API; a parser's stack is no place for a stranger's data. */
  static final int DEPTH_MAX = 64;

  private static final int NUMBER_CHARS_MAX = 100;
  private static final int NAME_CHARS_MAX = 512;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(DEPTH_MAX)
                          .maxNumberLength(NUMBER_CHARS_MAX)
                          .maxNameLength(NAME_CHARS_MAX)
                          .maxStringLength(Integer.MAX_VALUE) // the body's limit bounds it
                          .build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  // names come from strangers: a shared symbol table would grow with them
                  .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                  .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(JsonParser.Feature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  private Json() {}

  /**
   * Reads a request's body.
   *
   * @throws ApiException 400 when it is not one JSON object in UTF-8
   */
  public static ObjectNode parseObject(byte[] body) {
    JsonNode node = parse(body);
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw ApiException.of(400, "invalid_json", "The body must be a JSON object.");
  }

  private static JsonNode parse(byte[] body) {
    String text;
    try {
      text =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(ByteBuffer.wrap(body))
              .toString();
    } catch (CharacterCodingException e) {
      throw ApiException.of(400, "invalid_utf8", "The body is not valid UTF-8.");
    }
    JsonNode node;
    try {
      node = MAPPER.readTree(text);
    } catch (StreamConstraintsException e) {
      throw ApiException.of(
          400,
          "json_too_complex",
          "The JSON is nested deeper than "
              + DEPTH_MAX
              + " levels, or holds a number or name that is too long.");
    } catch (JsonProcessingException e) {
      int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
      int column = e.getLocation() == null ? 1 : e.getLocation().getColumnNr();
      throw ApiException.of(
          400,
          "invalid_json",
          "The body is not valid JSON (near line " + line + ", column " + column + ").");
    }
    checkText(node, "");
    return node;
  }

  private static void checkText(JsonNode node, String path) {
    if (node.isTextual()) {
      if (hasLoneSurrogate(node.textValue())) {
        throw ApiException.badField(
            path, "invalid_unicode", "'" + path + "' holds an unpaired surrogate (\\ud800).");
      }
    } else if (node.isArray()) {
      for (int i = 0; i < node.size(); i++) {
        if (node.get(i).isContainerNode() || node.get(i).isTextual()) {
          checkText(node.get(i), path + "[" + i + "]");
        }
      }
    } else if (node.isObject()) {
      for (Map.Entry<String, JsonNode> field : node.properties()) {
        if (hasLoneSurrogate(field.getKey())) {
          throw ApiException.of(400, "invalid_unicode", "A name holds an unpaired surrogate.");
        }
        checkText(field.getValue(), path.isEmpty() ? field.getKey() : path + "." + field.getKey());
      }
    }
  }

  private static boolean hasLoneSurrogate(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        boolean pair =
            Character.isHighSurrogate(c)
                && i + 1 < text.length()
                && Character.isLowSurrogate(text.charAt(i + 1));
        if (!pair) {
          return true;
        }
        i++;
      }
    }
    return false;
  }

  /** JSON that was a request's and was stored. */
  public static JsonNode stored(String json) {
    return parse(json.getBytes(StandardCharsets.UTF_8));
  }

  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  public static byte[] bytes(JsonNode node) {
    try {
      return MAPPER.writeValueAsBytes(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of our own could not be written", e);
    }
  }

  /** A string as JSON, with its quotes. */
  public static String quote(String text) {
    return "\"" + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + "\"";
  }

  /** The same text for the same value, whatever the order of its fields. */
  public static String canonical(JsonNode node) {
    StringBuilder out = new StringBuilder();
    canonical(node, out);
    return out.toString();
  }

  private static void canonical(JsonNode node, StringBuilder out) {
    if (node.isObject()) {
      List<String> names = new ArrayList<>();
      node.fieldNames().forEachRemaining(names::add);
      names.sort(null);
      out.append('{');
      for (String name : names) {
        out.append(quote(name)).append(':');
        canonical(node.get(name), out);
        out.append(',');
      }
      out.append('}');
    } else if (node.isArray()) {
      out.append('[');
      for (JsonNode element : node) {
        canonical(element, out);
        out.append(',');
      }
      out.append(']');
    } else {
      out.append(node);
    }
  }
}
