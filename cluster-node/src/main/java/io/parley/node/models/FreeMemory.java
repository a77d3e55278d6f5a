package io.parley.node.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * How much memory this process could still take: what Linux calls available, or what the limits of
 * its control groups leave, whichever is less. Memory that only caches files counts as free.
 */
final class FreeMemory {
  /** A limit above this is none. */
  private static final long UNLIMITED = 1L << 60;

  private final Path root;

  /**
   * @param root of the file system; another one in tests
   */
  FreeMemory(Path root) {
    this.root = root;
  }

  static FreeMemory ofThisMachine() {
    return new FreeMemory(Path.of("/"));
  }

  /** Bytes; the largest number where the system says nothing. */
  long bytes() {
    long free = meminfo("MemAvailable").orElse(Long.MAX_VALUE);
    for (String line : lines(root.resolve("proc/self/cgroup"))) {
      String[] parts = line.split(":", 3);
      if (parts.length < 3) {
        continue;
      }
      if (parts[0].equals("0")) {
        free =
            Math.min(
                free,
                leastUpwards(
                    root.resolve("sys/fs/cgroup"),
                    parts[2],
                    folder -> room(folder, "memory.max", "memory.current", "inactive_file")));
      } else if (List.of(parts[1].split(",")).contains("memory")) {
        free =
            Math.min(
                free,
                leastUpwards(
                    root.resolve("sys/fs/cgroup/memory"),
                    parts[2],
                    folder ->
                        room(
                            folder,
                            "memory.limit_in_bytes",
                            "memory.usage_in_bytes",
                            "total_inactive_file")));
      }
    }
    return free;
  }

  private interface Room {
    long of(Path group);
  }

  /** A group is bound by all groups above it; inside a container its own path may not be there. */
  private static long leastUpwards(Path top, String path, Room room) {
    long least = room.of(top);
    Path group = top;
    for (Path part : Path.of(path).normalize()) {
      group = group.resolve(part);
      least = Math.min(least, room.of(group));
    }
    return least;
  }

  private static long room(Path group, String limitFile, String usageFile, String cache) {
    Optional<Long> limit = number(group.resolve(limitFile));
    Optional<Long> usage = number(group.resolve(usageFile));
    if (limit.isEmpty() || usage.isEmpty() || limit.get() >= UNLIMITED) {
      return Long.MAX_VALUE;
    }
    long cached =
        lines(group.resolve("memory.stat")).stream()
            .filter(line -> line.startsWith(cache + " "))
            .findFirst()
            .flatMap(line -> parse(line.substring(cache.length() + 1)))
            .orElse(0L);
    return Math.max(0, limit.get() - usage.get() + cached);
  }

  /** What a process has in memory; 0 when it is gone. */
  long residentBytes(long pid) {
    return kilobytes(root.resolve("proc").resolve(Long.toString(pid)).resolve("status"), "VmRSS")
        .orElse(0L);
  }

  private Optional<Long> meminfo(String key) {
    return kilobytes(root.resolve("proc/meminfo"), key);
  }

  private static Optional<Long> kilobytes(Path file, String key) {
    return lines(file).stream()
        .filter(line -> line.startsWith(key + ":"))
        .findFirst()
        .flatMap(line -> parse(line.substring(key.length() + 1).replace("kB", "")))
        .map(kilobytes -> kilobytes * 1024);
  }

  private static Optional<Long> number(Path file) {
    return lines(file).stream().findFirst().flatMap(FreeMemory::parse);
  }

  private static Optional<Long> parse(String text) {
    try {
      return Optional.of(Long.parseLong(text.strip()));
    } catch (NumberFormatException e) {
      return Optional.empty(); // "max"
    }
  }

  private static List<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }
}
