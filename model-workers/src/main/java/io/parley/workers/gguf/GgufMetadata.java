package io.parley.workers.gguf;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The key-value part of a GGUF file, with typed access. An accessor without a default throws {@link
 * GgufException} naming the key when it is missing; each throws when the value has another type or
 * does not fit.
 */
public final class GgufMetadata {
  private final Map<String, Object> values;

  /**
   * Values are String, Long, Double, Boolean, or for arrays {@code List<String>}, long[], float[]
   * (both widths of floating point) and boolean[].
   */
  GgufMetadata(Map<String, Object> values) {
    this.values = values;
  }

  public Set<String> keys() {
    return values.keySet();
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  public String string(String key) {
    return as(key, String.class, "a string");
  }

  public Optional<String> optionalString(String key) {
    return has(key) ? Optional.of(string(key)) : Optional.empty();
  }

  public String string(String key, String otherwise) {
    return has(key) ? string(key) : otherwise;
  }

  /** An integer of any width in the file that fits 64 bits. */
  public long integer64(String key) {
    return as(key, Long.class, "an integer");
  }

  /** An integer of any width in the file that fits 32 bits. */
  public int integer(String key) {
    return toInt(key, integer64(key));
  }

  public int integer(String key, int otherwise) {
    return has(key) ? integer(key) : otherwise;
  }

  /** A floating point number or an integer. */
  public float number(String key) {
    Object value = require(key);
    if (value instanceof Double number) {
      return number.floatValue();
    }
    if (value instanceof Long number) {
      return number.floatValue();
    }
    throw wrongType(key, "a number");
  }

  public float number(String key, float otherwise) {
    return has(key) ? number(key) : otherwise;
  }

  public boolean bool(String key) {
    return as(key, Boolean.class, "a boolean");
  }

  public boolean bool(String key, boolean otherwise) {
    return has(key) ? bool(key) : otherwise;
  }

  /** An array of strings. */
  public List<String> strings(String key) {
    Object value = require(key);
    if (value instanceof List<?> list) {
      @SuppressWarnings("unchecked") // the reader puts no other lists in
      List<String> strings = (List<String>) list;
      return strings;
    }
    throw wrongType(key, "an array of strings");
  }

  /** An array of integers that fit 32 bits; a copy. */
  public int[] integers(String key) {
    long[] value = as(key, long[].class, "an array of integers");
    int[] integers = new int[value.length];
    for (int i = 0; i < integers.length; i++) {
      integers[i] = toInt(key, value[i]);
    }
    return integers;
  }

  /** An array of floating point numbers; a copy. */
  public float[] numbers(String key) {
    return as(key, float[].class, "an array of floating point numbers").clone();
  }

  private static int toInt(String key, long value) {
    if (value != (int) value) {
      throw new GgufException("metadata key '" + key + "' is out of range: " + value);
    }
    return (int) value;
  }

  private <T> T as(String key, Class<T> type, String expected) {
    Object value = require(key);
    if (!type.isInstance(value)) {
      throw wrongType(key, expected);
    }
    return type.cast(value);
  }

  private Object require(String key) {
    Object value = values.get(key);
    if (value == null) {
      throw new GgufException("metadata key '" + key + "' is missing");
    }
    return value;
  }

  private static GgufException wrongType(String key, String expected) {
    return new GgufException("metadata key '" + key + "' is not " + expected);
  }
}
