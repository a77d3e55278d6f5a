package io.parley.routing.protocol;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.regex.Pattern;

/**
 * A model and its version, {@code name@version}. Two replicas with the same id give the same tokens
 * on the same kernel variant.
 */
public record ModelId(String name, String version) {
  private static final Pattern PART = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._:+-]{0,127}");

  public ModelId {
    if (!PART.matcher(name).matches() || !PART.matcher(version).matches()) {
      throw new IllegalArgumentException("a model is name@version of A-Z a-z 0-9 . _ : + -");
    }
  }

  /**
   * Reads {@code name@version}.
   *
   * @throws IllegalArgumentException when the text has another form
   */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public static ModelId parse(String text) {
    int at = text.indexOf('@');
    if (at < 0) {
      throw new IllegalArgumentException("a model is name@version");
    }
    return new ModelId(text.substring(0, at), text.substring(at + 1));
  }

  @JsonValue
  @Override
  public String toString() {
    return name + "@" + version;
  }
}
