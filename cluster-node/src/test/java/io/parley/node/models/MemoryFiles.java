package io.parley.node.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The files by which a system tells of its memory. */
final class MemoryFiles {
  private MemoryFiles() {}

  /** A machine without control groups. */
  static Path machine(Path root, long availableKilobytes) throws IOException {
    write(
        root.resolve("proc/meminfo"),
        "MemTotal:  99999999 kB\nMemAvailable:    " + availableKilobytes + " kB\n");
    return root;
  }

  static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }
}
