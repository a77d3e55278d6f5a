package io.parley.workers.engine;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Which of Parley's own operations the engine uses, instead of TensorFlow's. */
public enum Kernels {
  /** The best that this CPU runs; the pure graph where there are none. */
  AUTO,
  /** None: the pure graph. */
  OFF,
  /** bfloat16 products in 512-bit registers. */
  AVX512BF16,
  /** 512-bit registers. */
  AVX512F,
  /** 256-bit registers, with fused multiplication and addition. */
  AVX2,
  /** Any CPU. */
  PORTABLE;

  /** Its name in the configuration and in variants. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  static Kernels of(String label) {
    return Arrays.stream(values())
        .filter(kernels -> kernels.label().equals(label.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(() -> EngineSettings.bad("kernels", label, labels()));
  }

  private static String labels() {
    return Arrays.stream(values()).map(Kernels::label).collect(Collectors.joining(", "));
  }
}
