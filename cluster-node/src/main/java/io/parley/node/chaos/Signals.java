package io.parley.node.chaos;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs small programs of the system, {@code kill} above all. */
final class Signals {
  private static final long LIMIT_SECONDS = 30;

  private Signals() {}

  static void send(long pid, String signal) {
    run("kill", "-" + signal, Long.toString(pid));
  }

  /** To a process that may have ended. */
  static void sendIfAlive(long pid, String signal) {
    if (ProcessHandle.of(pid).isPresent()) {
      send(pid, signal);
    }
  }

  /**
   * Runs a program to its end.
   *
   * @throws IllegalStateException with its output, when it fails or takes too long
   */
  static void run(String... command) {
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
              .start();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IllegalStateException(List.of(command) + " did not end");
      }
      if (process.exitValue() != 0) {
        throw new IllegalStateException(List.of(command) + ": " + said.strip());
      }
    } catch (IOException e) {
      throw new IllegalStateException(List.of(command) + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted at " + List.of(command), e);
    }
  }
}
