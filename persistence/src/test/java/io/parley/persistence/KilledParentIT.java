package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledParentIT {
  private static final String PID = "child-pid ";

  @TempDir Path data;

  @Test
  void theChildEndsWithItsKilledParentAndTheNextStartWorks() throws Exception {
    Process parent =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-Dparley.root=" + System.getProperty("parley.root"),
                "-cp",
                System.getProperty("java.class.path"),
                Parent.class.getName(),
                data.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    ProcessHandle child = ProcessHandle.of(childPid(parent)).orElseThrow();

    parent.destroyForcibly().waitFor(1, TimeUnit.MINUTES);

    // started at once, while the child may still be stopping: it waits for the folder
    try (RunningCassandra next = RunningCassandra.start(data)) {
      assertThat(next.process().pid()).isNotEqualTo(child.pid());
      await().atMost(Duration.ofSeconds(30)).until(() -> !child.isAlive());
    }
  }

  private static long childPid(Process parent) throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(parent.getInputStream(), StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.startsWith(PID)) {
        return Long.parseLong(line.substring(PID.length()));
      }
    }
    throw new IllegalStateException("the parent ended before its Cassandra was up");
  }

  /** Main class of the process that is killed. */
  static final class Parent {
    private Parent() {}

    public static void main(String[] args) throws InterruptedException {
      RunningCassandra cassandra = RunningCassandra.start(Path.of(args[0]));
      System.out.println(PID + cassandra.process().pid());
      Thread.sleep(Duration.ofMinutes(10).toMillis());
      cassandra.close();
    }
  }
}
