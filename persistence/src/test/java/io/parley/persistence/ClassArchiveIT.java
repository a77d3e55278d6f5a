package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.persistence.embedded.EmbeddedCassandraListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassArchiveIT {
  @Test
  void aStopInOrderWritesTheMissingArchiveAndDropsWhatAKilledOneHadBegun(
      @TempDir Path data, @TempDir Path archives) throws Exception {
    Files.writeString(archives.resolve("cassandra-0.jsa." + pidOfAnEndedProcess()), "classes");

    RunningCassandra.start(
            data,
            "embedded { class-archives = \"" + archives + "\", stop-timeout = 5m }",
            new EmbeddedCassandraListener() {})
        .close();

    List<String> names;
    try (Stream<Path> files = Files.list(archives)) {
      names = files.map(file -> file.getFileName().toString()).toList();
    }
    assertThat(names).singleElement().asString().matches("cassandra-.*\\.jsa");
  }

  private static long pidOfAnEndedProcess() throws IOException, InterruptedException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Process process =
        new ProcessBuilder(java, "-version")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    process.waitFor();
    return process.pid();
  }
}
