package io.parley.node.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import javax.management.JMException;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the classes that this JVM has loaded and verified, for the next start to map instead of
 * reading jars. The launcher asks for it, with the system property {@link #PROPERTY} and {@code
 * -XX:+RecordDynamicDumpInfo}, when there is none.
 */
final class ClassArchive {
  private static final Logger LOG = LoggerFactory.getLogger(ClassArchive.class);

  /** The file to write; not set where there is one already. */
  static final String PROPERTY = "parley.class-archive";

  private static final int ARCHIVES_MAX = 8;

  private ClassArchive() {}

  /**
   * Writes the archive, whole or not at all, if the launcher wants one. Call it when all that a
   * node needs has been loaded.
   */
  static void writeIfMissing() {
    Optional.ofNullable(System.getProperty(PROPERTY)).map(Path::of).ifPresent(ClassArchive::write);
  }

  static void write(Path file) {
    Path fresh = file.resolveSibling(file.getFileName() + "." + ProcessHandle.current().pid());
    PrintStream out = System.out;
    try {
      // the JVM says there what it does
      System.setOut(new PrintStream(OutputStream.nullOutputStream(), false, UTF_8));
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
      // only a matter of speed
      LOG.warn("The classes were not archived in {}", file, e);
      fresh.toFile().delete();
    } finally {
      System.setOut(out);
    }
  }

  /** What a process had begun to write when it was killed is of no use to anyone. */
  private static void dropUnfinished(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(file -> file.getFileName().toString().matches("node-.*\\.jsa\\.\\d{1,18}"))
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
          .filter(file -> file.getFileName().toString().matches("node-.*\\.jsa"))
          .sorted(Comparator.comparingLong((Path file) -> file.toFile().lastModified()).reversed())
          .skip(ARCHIVES_MAX)
          .forEach(file -> file.toFile().delete());
    }
  }
}
