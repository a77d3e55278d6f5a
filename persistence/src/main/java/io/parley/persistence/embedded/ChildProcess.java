package io.parley.persistence.embedded;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/**
 * One run of a child JVM: from its start to its exit. The child says {@code ready} or {@code failed
 * <reason>} behind its prefix on standard output, and stops when its standard input ends.
 */
public final class ChildProcess {
  private static final String FAILED = "failed ";
  private static final int TAIL_LINES = 20;

  private final Launch launch;
  private final Process process;
  private final CompletableFuture<Void> ready = new CompletableFuture<>();
  private final Deque<String> tail = new ArrayDeque<>();
  private volatile String failure = "";

  private ChildProcess(Launch launch, Process process) {
    this.launch = launch;
    this.process = process;
    Thread reader = new Thread(this::readOutput, launch.what() + "-output");
    reader.setDaemon(true);
    reader.start();
  }

  /**
   * What to start.
   *
   * @param what for people, such as Cassandra
   * @param prefix how the lines that it says to its parent begin
   * @param folder its working folder
   * @param log where people find more
   * @param timeoutKey the setting of how long a start may take
   */
  public record Launch(
      String what, String prefix, List<String> command, Path folder, Path log, String timeoutKey) {
    public Launch {
      command = List.copyOf(command);
    }
  }

  /** Starts the process and returns at once. */
  public static ChildProcess start(Launch launch) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(launch.command());
    // the parent's own flags are not meant for the child
    builder.environment().remove("JAVA_TOOL_OPTIONS");
    builder.environment().remove("JDK_JAVA_OPTIONS");
    return new ChildProcess(
        launch, builder.directory(launch.folder().toFile()).redirectErrorStream(true).start());
  }

  /** The jars of a folder, in a fixed order: an archive of classes fits only one class path. */
  public static List<Path> jars(Path lib) throws IOException {
    try (Stream<Path> files = Files.list(lib)) {
      return files.filter(file -> file.toString().endsWith(".jar")).sorted().toList();
    }
  }

  /** The JVM that this process runs on. */
  public static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /**
   * Waits until the child says that it is ready.
   *
   * @param progress called about once a second with the seconds so far
   * @throws ChildException with the child's own reason, if it ends or takes too long; it is ended
   *     then
   */
  public void awaitReady(Duration timeout, LongConsumer progress) throws InterruptedException {
    long begin = System.nanoTime();
    while (true) {
      long elapsed = System.nanoTime() - begin;
      try {
        ready.get(1, TimeUnit.SECONDS);
        return;
      } catch (ExecutionException e) {
        process.waitFor(5, TimeUnit.SECONDS);
        throw new ChildException(describeEnd(), e.getCause());
      } catch (TimeoutException e) {
        if (elapsed > timeout.toNanos()) {
          process.destroyForcibly();
          throw new ChildException(
              "the embedded "
                  + launch.what()
                  + " did not answer within "
                  + timeout.toSeconds()
                  + " s; see "
                  + launch.log()
                  + " or raise "
                  + launch.timeoutKey(),
              e);
        }
        progress.accept(TimeUnit.NANOSECONDS.toSeconds(elapsed));
      }
    }
  }

  /** Completes when the process has ended. */
  public CompletableFuture<Process> onExit() {
    return process.onExit();
  }

  public long pid() {
    return process.pid();
  }

  /** Whether it failed because somebody else had one of its ports. */
  public boolean portWasTaken() {
    return failure.contains("already in use") || failure.contains("Failed to bind");
  }

  /**
   * Asks the child to stop in order, by a byte and the end of its input, and ends it by force if
   * that takes too long. Acknowledged writes are in its logs on disk either way.
   */
  public void stop(Duration timeout) throws InterruptedException {
    try (OutputStream in = process.getOutputStream()) {
      in.write('.');
    } catch (IOException e) {
      // it is gone already
    }
    if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
      process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }
  }

  /** One line: how the process ended, why as far as it said, and where more is. */
  public String describeEnd() {
    String why = failure;
    if (why.isEmpty()) {
      synchronized (tail) {
        why =
            tail.stream()
                .filter(line -> line.contains("Error") || line.contains("Exception"))
                .findFirst()
                .or(() -> List.copyOf(tail).stream().reduce((a, b) -> b))
                .orElse("no output");
      }
    }
    String how = process.isAlive() ? "failed" : "ended with status " + process.exitValue();
    return "the embedded " + launch.what() + " " + how + ": " + why + "; see " + launch.log();
  }

  private void readOutput() {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        accept(line);
      }
    } catch (IOException e) {
      // the end of the process is what counts
    }
    ready.completeExceptionally(new IllegalStateException("the process ended"));
  }

  private void accept(String line) {
    if (line.equals(launch.prefix() + "ready")) {
      ready.complete(null);
    } else if (line.startsWith(launch.prefix() + FAILED)) {
      failure = line.substring((launch.prefix() + FAILED).length());
    } else if (!line.startsWith("WARNING: ")) {
      synchronized (tail) {
        if (tail.size() == TAIL_LINES) {
          tail.removeFirst();
        }
        tail.addLast(line);
      }
    }
  }
}
