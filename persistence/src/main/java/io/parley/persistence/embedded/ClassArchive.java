package io.parley.persistence.embedded;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32;

/**
 * The archive of the child's classes, which the JVM maps instead of reading and verifying them one
 * by one. There is one for each JVM and class path; the JVM itself checks that it fits, and starts
 * without it if not.
 */
record ClassArchive(Path file, boolean exists) {

  static ClassArchive of(Path folder, Path lib, List<Path> jars) throws IOException {
    CRC32 key = new CRC32();
    for (String property : List.of("java.home", "java.vm.version", "java.vm.vendor")) {
      update(key, System.getProperty(property));
    }
    update(key, Files.readString(lib.resolve("jvm.options")));
    for (Path jar : jars) {
      update(key, jar + " " + Files.size(jar) + " " + Files.getLastModifiedTime(jar).toMillis());
    }
    Path file =
        folder
            .toAbsolutePath()
            .normalize()
            .resolve("cassandra-" + Long.toHexString(key.getValue()) + ".jsa");
    return new ClassArchive(file, Files.isReadable(file));
  }

  private static void update(CRC32 key, String part) {
    key.update((part + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /** For the JVM: to use the archive, or to remember what one needs. */
  List<String> jvmOptions() {
    return exists
        ? List.of("-XX:SharedArchiveFile=" + file)
        : List.of("-XX:+IgnoreUnrecognizedVMOptions", "-XX:+RecordDynamicDumpInfo");
  }

  /** For the child: where to write the archive that is missing. */
  List<String> childOptions() {
    return exists ? List.of() : List.of("--class-archive", file.toString());
  }
}
