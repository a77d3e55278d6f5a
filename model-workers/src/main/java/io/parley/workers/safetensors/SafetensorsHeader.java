package io.parley.workers.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The JSON header: each tensor's type, shape and place, checked against the size of the data. */
final class SafetensorsHeader {
  private static final int DIMS_MAX = 8;
  private static final int DEPTH_MAX = 8;
  private static final int NAME_CHARS_SHOWN = 128;
  private static final Map<String, Integer> BYTES_OF_TYPES =
      Map.ofEntries(
          Map.entry("BOOL", 1),
          Map.entry("U8", 1),
          Map.entry("I8", 1),
          Map.entry("F8_E4M3", 1),
          Map.entry("F8_E5M2", 1),
          Map.entry("I16", 2),
          Map.entry("U16", 2),
          Map.entry("F16", 2),
          Map.entry("BF16", 2),
          Map.entry("I32", 4),
          Map.entry("U32", 4),
          Map.entry("F32", 4),
          Map.entry("F64", 8),
          Map.entry("I64", 8),
          Map.entry("U64", 8));
  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(DEPTH_MAX).build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private SafetensorsHeader() {}

  /**
   * Reads a header.
   *
   * @param dataStart where the tensors begin in the file
   * @param dataSize bytes from there to the file's end
   */
  static Map<String, TensorEntry> parse(byte[] json, long dataStart, long dataSize) {
    JsonNode root;
    try {
      root = JSON.readTree(json);
    } catch (IOException e) {
      throw new SafetensorsException("the header is not sound JSON: " + firstLine(e), e);
    }
    if (root == null || !root.isObject()) {
      throw new SafetensorsException("the header is not a JSON object");
    }
    Map<String, TensorEntry> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : root.properties()) {
      if (!field.getKey().equals("__metadata__")) {
        tensors.put(field.getKey(), entry(field.getKey(), field.getValue(), dataStart, dataSize));
      }
    }
    requireApart(tensors.values().stream().toList());
    return Collections.unmodifiableMap(tensors);
  }

  private static TensorEntry entry(String name, JsonNode node, long dataStart, long dataSize) {
    String where = "tensor '" + printable(name) + "'";
    String type = node.path("dtype").asText();
    Integer bytes = BYTES_OF_TYPES.get(type);
    if (bytes == null) {
      throw new SafetensorsException(where + " has an unknown type: '" + printable(type) + "'");
    }
    List<Long> shape = shape(node.path("shape"), where);
    JsonNode offsets = node.path("data_offsets");
    if (!offsets.isArray()
        || offsets.size() != 2
        || !offsets.get(0).canConvertToLong()
        || !offsets.get(1).canConvertToLong()) {
      throw new SafetensorsException(where + " has no place: 'data_offsets' is not two numbers");
    }
    long begin = offsets.get(0).longValue();
    long end = offsets.get(1).longValue();
    if (begin < 0 || end < begin || end > dataSize) {
      throw new SafetensorsException(where + " lies outside the file (is the file cut off?)");
    }
    TensorEntry entry = new TensorEntry(name, type, shape, dataStart + begin, end - begin);
    // the shape allows at most Long.MAX_VALUE / 16 numbers
    if (entry.elements() * bytes != entry.byteSize()) {
      throw new SafetensorsException(
          where + " has " + entry.byteSize() + " bytes, which its type and shape do not give");
    }
    return entry;
  }

  private static List<Long> shape(JsonNode node, String where) {
    if (!node.isArray() || node.size() > DIMS_MAX) {
      throw new SafetensorsException(where + " has no shape of up to " + DIMS_MAX + " dimensions");
    }
    List<Long> shape = new ArrayList<>();
    long elements = 1;
    for (JsonNode size : node) {
      long dim = size.isIntegralNumber() && size.canConvertToLong() ? size.longValue() : -1;
      if (dim < 1 || dim > Long.MAX_VALUE / 16 / elements) {
        throw new SafetensorsException(where + " has an impossible size: " + size);
      }
      elements *= dim;
      shape.add(dim);
    }
    return shape;
  }

  /** Two tensors in one place would be a file that was made to confuse. */
  private static void requireApart(List<TensorEntry> tensors) {
    long end = 0;
    for (TensorEntry entry :
        tensors.stream().sorted(Comparator.comparingLong(TensorEntry::offset)).toList()) {
      if (entry.offset() < end) {
        throw new SafetensorsException(
            "tensor '" + printable(entry.name()) + "' lies over another one");
      }
      end = entry.offset() + entry.byteSize();
    }
  }

  private static String firstLine(IOException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  static String printable(String text) {
    return text.codePoints()
        .limit(NAME_CHARS_SHOWN)
        .collect(
            StringBuilder::new,
            (out, c) -> out.appendCodePoint(Character.isISOControl(c) ? '?' : c),
            StringBuilder::append)
        .toString();
  }
}
