package io.parley.persistence.embedded;

import io.parley.persistence.JournalException;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/** One run of the child: from its start to its exit. */
final class ChildProcess {
  private static final String MAIN_CLASS = "io.parley.cassandra.CassandraChild";
  private static final String PREFIX = "parley-cassandra: ";
  private static final String FAILED = "failed ";
  private static final int TAIL_LINES = 20;
  private static final Duration PREVIOUS_OWNER_WAIT = Duration.ofSeconds(30);

  private final Process process;
  private final Path log;
  private final CompletableFuture<Void> ready = new CompletableFuture<>();
  private final Deque<String> tail = new ArrayDeque<>();
  private volatile String failure = "";

  private ChildProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
    Thread reader = new Thread(this::readOutput, "cassandra-output");
    reader.setDaemon(true);
    reader.start();
  }

  /** Starts the process and returns at once. */
  static ChildProcess launch(EmbeddedSettings settings, Path lib, Path data, LoopbackPorts ports)
      throws IOException {
    Path tmp = Files.createDirectories(data.resolve("tmp"));
    Path log = Files.createDirectories(data.resolve("logs")).resolve("cassandra.log");
    long heapMebibytes = settings.heapBytes() >> 20;
    List<Path> jars = jars(lib);
    ClassArchive archive = ClassArchive.of(settings.classArchives(), lib, jars);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + lib.resolve("jvm.options"));
    command.addAll(archive.jvmOptions());
    command.addAll(
        List.of(
            "-Xms" + heapMebibytes + "m",
            "-Xmx" + heapMebibytes + "m",
            "-XX:ActiveProcessorCount="
                + Math.min(settings.processors(), Runtime.getRuntime().availableProcessors()),
            "-XX:ErrorFile=" + data.resolve("logs").resolve("hs_err.log"),
            "-Djava.io.tmpdir=" + tmp,
            "-Dparley.cassandra.log=" + log,
            "-cp",
            String.join(File.pathSeparator, jars.stream().map(Path::toString).toList()),
            MAIN_CLASS,
            "--data",
            data.toString(),
            "--cql-port",
            Integer.toString(ports.cql()),
            "--storage-port",
            Integer.toString(ports.storage()),
            "--durability",
            settings.durability(),
            "--lock-wait-millis",
            Long.toString(PREVIOUS_OWNER_WAIT.toMillis())));
    command.addAll(archive.childOptions());
    ProcessBuilder builder = new ProcessBuilder(command);
    // the parent's own flags are not meant for the child
    builder.environment().remove("JAVA_TOOL_OPTIONS");
    builder.environment().remove("JDK_JAVA_OPTIONS");
    return new ChildProcess(
        builder.directory(data.toFile()).redirectErrorStream(true).start(), log);
  }

  /** In a fixed order: an archive of classes fits only the class path that it was made with. */
  private static List<Path> jars(Path lib) throws IOException {
    try (Stream<Path> files = Files.list(lib)) {
      return files.filter(file -> file.toString().endsWith(".jar")).sorted().toList();
    }
  }

  /**
   * Waits until the child answers CQL.
   *
   * @param progress called about once a second with the seconds so far
   * @throws JournalException with the child's own reason, if it ends or takes too long; it is ended
   *     then
   */
  void awaitReady(Duration timeout, LongConsumer progress) throws InterruptedException {
    long begin = System.nanoTime();
    while (true) {
      long elapsed = System.nanoTime() - begin;
      try {
        ready.get(1, TimeUnit.SECONDS);
        return;
      } catch (ExecutionException e) {
        process.waitFor(5, TimeUnit.SECONDS);
        throw new JournalException(describeEnd(), e.getCause());
      } catch (TimeoutException e) {
        if (elapsed > timeout.toNanos()) {
          process.destroyForcibly();
          throw new JournalException(
              "the embedded Cassandra did not answer within "
                  + timeout.toSeconds()
                  + " s; see "
                  + log
                  + " or raise parley.journal.embedded.start-timeout",
              e);
        }
        progress.accept(TimeUnit.NANOSECONDS.toSeconds(elapsed));
      }
    }
  }

  /** Completes when the process has ended. */
  CompletableFuture<Process> onExit() {
    return process.onExit();
  }

  long pid() {
    return process.pid();
  }

  boolean portWasTaken() {
    return failure.contains("already in use") || failure.contains("Failed to bind");
  }

  /**
   * Asks the child to stop in order, by a byte and the end of its input, and ends it by force if
   * that takes too long. Acknowledged writes are in its commit log either way.
   */
  void stop(Duration timeout) throws InterruptedException {
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
  String describeEnd() {
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
    return "the embedded Cassandra " + how + ": " + why + "; see " + log;
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
    if (line.equals(PREFIX + "ready")) {
      ready.complete(null);
    } else if (line.startsWith(PREFIX + FAILED)) {
      failure = line.substring((PREFIX + FAILED).length());
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
