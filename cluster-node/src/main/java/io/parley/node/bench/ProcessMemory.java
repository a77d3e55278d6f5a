package io.parley.node.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Memory of this process that is not swapped out, as Linux counts it; zeros elsewhere.
 *
 * @param residentBytes now
 * @param peakBytes the most it has been since the start
 */
public record ProcessMemory(long residentBytes, long peakBytes) {
  private static final Path STATUS = Path.of("/proc/self/status");

  public static ProcessMemory now() {
    try {
      return read(Files.readAllLines(STATUS));
    } catch (IOException e) {
      return new ProcessMemory(0, 0);
    }
  }

  static ProcessMemory read(List<String> status) {
    return new ProcessMemory(bytes(status, "VmRSS:"), bytes(status, "VmHWM:"));
  }

  private static long bytes(List<String> status, String key) {
    return status.stream()
        .filter(line -> line.startsWith(key))
        .map(line -> line.substring(key.length()).trim().split(" ")[0])
        .mapToLong(kilobytes -> Long.parseLong(kilobytes) * 1024)
        .findFirst()
        .orElse(0);
  }
}
