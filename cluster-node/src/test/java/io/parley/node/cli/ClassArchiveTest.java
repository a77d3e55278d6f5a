package io.parley.node.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassArchiveTest {
  @TempDir private Path folder;

  /**
   * This JVM records no classes, so it writes none: what matters is what is in the folder before.
   */
  @Test
  void dropsWhatAKilledProcessHadBegunAndNothingElse() throws Exception {
    Path killed = create("node-1.jsa." + pidOfAnEndedProcess());
    Path running = create("node-2.jsa." + ProcessHandle.current().parent().orElseThrow().pid());
    Path whole = create("node-3.jsa");
    Path other = create("notes." + pidOfAnEndedProcess());

    ClassArchive.write(folder.resolve("node-4.jsa"));

    assertThat(killed).doesNotExist();
    assertThat(folder).isDirectoryContaining(running::equals);
    assertThat(folder).isDirectoryContaining(whole::equals);
    assertThat(folder).isDirectoryContaining(other::equals);
  }

  private Path create(String name) throws IOException {
    return Files.writeString(folder.resolve(name), "classes");
  }

  private static long pidOfAnEndedProcess() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-version")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    process.waitFor();
    return process.pid();
  }
}
