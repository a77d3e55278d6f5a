package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Arithmetic;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** What the machine's CPU can do. */
final class CpuFeatures {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private CpuFeatures() {}

  /** The faster of the arithmetics on this machine; F32 where nothing is known. */
  static Arithmetic fastest() {
    try {
      return fastest(Files.readAllLines(CPU_INFO));
    } catch (IOException e) {
      return Arithmetic.F32;
    }
  }

  static Arithmetic fastest(List<String> cpuInfo) {
    Set<String> flags =
        cpuInfo.stream()
            .filter(line -> line.startsWith("flags"))
            .findFirst()
            .map(CpuFeatures::words)
            .orElse(Set.of());
    boolean multipliesBfloat16 = flags.contains("avx512_bf16") || flags.contains("amx_bf16");
    return multipliesBfloat16 ? Arithmetic.BF16 : Arithmetic.F32;
  }

  private static Set<String> words(String line) {
    return Set.copyOf(List.of(line.substring(line.indexOf(':') + 1).trim().split("\\s+")));
  }
}
