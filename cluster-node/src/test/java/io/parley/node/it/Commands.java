package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.chaos.NodeProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs a program to its end. */
final class Commands {
  static final Path NO_INPUT = Path.of("/dev/null");

  private Commands() {}

  /**
   * How a program ended.
   *
   * @param exit its exit code
   * @param out its standard output
   * @param err its standard error
   */
  record Result(int exit, String out, String err) {
    /** The output, if it succeeded; else the test fails with all it said. */
    String success() {
      assertThat(exit).as("exit code; it said:\n%s\n%s", out, err).isZero();
      return out;
    }
  }

  /** Runs the launcher. */
  static Result parley(Duration limit, String... arguments) {
    return parley(limit, Map.of(), NO_INPUT, arguments);
  }

  /** Runs the launcher with further environment variables and a file as its standard input. */
  static Result parley(
      Duration limit, Map<String, String> environment, Path input, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(NodeProcess.root().resolve("parley").toString());
    command.addAll(List.of(arguments));
    Map<String, String> whole = new HashMap<>(environment);
    whole.put("PARLEY_NO_BUILD", "1");
    return run(limit, whole, input, command);
  }

  /** Runs a program; one that takes longer than the limit is killed, and the test fails. */
  static Result run(Duration limit, Map<String, String> environment, List<String> command) {
    return run(limit, environment, NO_INPUT, command);
  }

  private static Result run(
      Duration limit, Map<String, String> environment, Path input, List<String> command) {
    try {
      Path out = Files.createTempFile("parley-it", ".out");
      Path err = Files.createTempFile("parley-it", ".err");
      try {
        ProcessBuilder builder =
            new ProcessBuilder(command)
                .redirectInput(input.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
        if (!ended) {
          process.descendants().forEach(ProcessHandle::destroyForcibly);
          process.destroyForcibly().waitFor();
        }
        String said = Files.readString(out);
        String complained = Files.readString(err);
        assertThat(ended)
            .as("%s ended within %s; it said:\n%s\n%s", command, limit, said, complained)
            .isTrue();
        return new Result(process.exitValue(), said, complained);
      } finally {
        Files.delete(out);
        Files.delete(err);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
