package io.parley.workers.engine;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;
import java.util.Optional;

/** How a model's matrices are held in memory. Vectors are 32-bit floats always. */
public enum WeightType {
  /** bfloat16: what the file says, to eight binary digits. */
  BF16,
  /**
   * 8-bit integers, each output column by a step of its own: half the memory, and faster where
   * memory is what is waited for. Parley's kernels only.
   */
  INT8;

  /** Its name in specs, manifests and variants. */
  @JsonValue
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Empty when nothing has this name. */
  public static Optional<WeightType> find(String label) {
    for (WeightType type : values()) {
      if (type.label().equals(label)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }

  /** What is put behind a name to tell it from the same with bfloat16, which is what is usual. */
  public String suffix() {
    return this == BF16 ? "" : "-" + label();
  }

  @JsonCreator
  static WeightType read(String label) {
    return find(label).orElseThrow(() -> new IllegalArgumentException("no weights: " + label));
  }
}
