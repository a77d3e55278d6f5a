package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.Kernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * What the machine's CPU can do.
 *
 * @param flags as Linux names them; empty where it says nothing
 */
record CpuFeatures(Set<String> flags) {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  static CpuFeatures ofThisMachine() {
    try {
      return read(Files.readAllLines(CPU_INFO));
    } catch (IOException e) {
      return new CpuFeatures(Set.of());
    }
  }

  static CpuFeatures read(List<String> cpuInfo) {
    return new CpuFeatures(
        cpuInfo.stream()
            .filter(line -> line.startsWith("flags"))
            .findFirst()
            .map(CpuFeatures::words)
            .orElse(Set.of()));
  }

  /** The faster of the graph's arithmetics; F32 where nothing is known. */
  Arithmetic fastestArithmetic() {
    boolean multipliesBfloat16 = flags.contains("avx512_bf16") || flags.contains("amx_bf16");
    return multipliesBfloat16 ? Arithmetic.BF16 : Arithmetic.F32;
  }

  /** The best variant of the kernels; PORTABLE runs everywhere. */
  Kernels bestKernels() {
    return List.of(Kernels.AVX512BF16, Kernels.AVX512F, Kernels.AVX2).stream()
        .filter(this::runs)
        .findFirst()
        .orElse(Kernels.PORTABLE);
  }

  boolean runs(Kernels variant) {
    return switch (variant) {
      case AVX512BF16 ->
          flags.containsAll(Set.of("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_bf16"));
      case AVX512F -> flags.containsAll(Set.of("avx512f", "avx2", "fma"));
      case AVX2 -> flags.containsAll(Set.of("avx2", "fma"));
      case PORTABLE -> true;
      case AUTO, OFF -> throw new IllegalArgumentException(variant + " is not a variant");
    };
  }

  private static Set<String> words(String line) {
    return Set.copyOf(List.of(line.substring(line.indexOf(':') + 1).trim().split("\\s+")));
  }
}
