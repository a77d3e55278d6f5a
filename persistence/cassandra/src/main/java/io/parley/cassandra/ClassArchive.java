package io.parley.cassandra;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.stream.Stream;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * Writes the classes that this JVM has loaded and verified, for the next start to map instead of
 * reading jars. The JVM must run with {@code -XX:+RecordDynamicDumpInfo}.
 */
final class ClassArchive {
  private static final int ARCHIVES_MAX = 8;

  private ClassArchive() {}

  /**
   * Writes the archive, whole or not at all. It is only a matter of speed, so a failure is a line
   * for the log.
   */
  static void write(Path file) {
    Path fresh = file.resolveSibling(file.getFileName() + "." + ProcessHandle.current().pid());
    try {
      Path folder = Files.createDirectories(file.toAbsolutePath().getParent());
      dropUnfinished(folder);
      ManagementFactory.getPlatformMBeanServer()
          .invoke(
              new ObjectName("com.sun.management:type=DiagnosticCommand"),
              "vmCds",
              new Object[] {new String[] {"dynamic_dump", fresh.toString()}},
              new String[] {String[].class.getName()});
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
      dropOldest(folder);
    } catch (IOException | JMException | RuntimeException e) {
      System.err.println("the classes were not archived: " + e);
      fresh.toFile().delete();
    }
  }

  /** What a process had begun to write when it was killed is of no use to anyone. */
  private static void dropUnfinished(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(file -> file.getFileName().toString().matches("cassandra-.*\\.jsa\\.\\d{1,18}"))
          .filter(file -> ProcessHandle.of(writer(file)).isEmpty())
          .forEach(file -> file.toFile().delete());
    }
  }

  private static long writer(Path unfinished) {
    String name = unfinished.getFileName().toString();
    return Long.parseLong(name.substring(name.lastIndexOf('.') + 1));
  }

  /** Each JVM and each class path has an archive; those of earlier ones are of no more use. */
  private static void dropOldest(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(file -> file.getFileName().toString().matches("cassandra-.*\\.jsa"))
          .sorted(Comparator.comparingLong((Path file) -> file.toFile().lastModified()).reversed())
          .skip(ARCHIVES_MAX)
          .forEach(file -> file.toFile().delete());
    }
  }
}
