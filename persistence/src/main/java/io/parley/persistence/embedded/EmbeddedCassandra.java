package io.parley.persistence.embedded;

import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.JournalException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** One Cassandra node in a child process, kept alive until {@link #close()}. */
public final class EmbeddedCassandra implements AutoCloseable {
  private static final String MAIN_CLASS = "io.parley.cassandra.CassandraChild";
  private static final String PREFIX = "parley-cassandra: ";
  private static final String NAME = "Cassandra";
  private static final Duration PREVIOUS_OWNER_WAIT = Duration.ofSeconds(30);

  private final SupervisedChild child;

  private EmbeddedCassandra(SupervisedChild child) {
    this.child = child;
  }

  /**
   * Starts the child and returns when it answers CQL.
   *
   * @param data folder for all it keeps; created if missing, and held by this child alone
   * @throws JournalException one line: no space, folder in use, class path not found, or what the
   *     child said when it failed
   */
  public static EmbeddedCassandra start(
      EmbeddedSettings settings, Path data, EmbeddedCassandraListener listener) {
    Path folder = data.toAbsolutePath().normalize();
    Path lib = lib(settings);
    try {
      return new EmbeddedCassandra(
          SupervisedChild.start(
              NAME,
              limits(settings),
              ports -> {
                prepare(settings, folder);
                return ChildProcess.start(launch(settings, lib, folder, ports));
              },
              listener));
    } catch (ChildException e) {
      throw new JournalException(e.getMessage(), e);
    } catch (IOException e) {
      throw new JournalException(
          "the embedded Cassandra cannot be started in " + folder + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted while the embedded Cassandra was starting", e);
    }
  }

  private static SupervisedChild.Limits limits(EmbeddedSettings settings) {
    return new SupervisedChild.Limits(
        settings.startTimeout(),
        settings.stopTimeout(),
        settings.restartsMax(),
        settings.restartDelayMin(),
        settings.restartDelayMax());
  }

  private static ChildProcess.Launch launch(
      EmbeddedSettings settings, Path lib, Path data, LoopbackPorts ports) throws IOException {
    Path tmp = Files.createDirectories(data.resolve("tmp"));
    Path log = Files.createDirectories(data.resolve("logs")).resolve("cassandra.log");
    long heapMebibytes = settings.heapBytes() >> 20;
    List<Path> jars = ChildProcess.jars(lib);
    ClassArchive archive = ClassArchive.of(settings.classArchives(), lib, jars);
    List<String> command = new ArrayList<>();
    command.add(ChildProcess.java());
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
            Integer.toString(ports.client()),
            "--storage-port",
            Integer.toString(ports.internal()),
            "--durability",
            settings.durability(),
            "--lock-wait-millis",
            Long.toString(PREVIOUS_OWNER_WAIT.toMillis())));
    command.addAll(archive.childOptions());
    return new ChildProcess.Launch(
        NAME, PREFIX, command, data, log, "parley.journal.embedded.start-timeout");
  }

  /**
   * Tells early what would keep the child from starting.
   *
   * @param data as for {@link #start}; created if missing
   * @throws JournalException one line: no space, or class path not found
   */
  public static void check(EmbeddedSettings settings, Path data) {
    Path unused = lib(settings);
    try {
      prepare(settings, data.toAbsolutePath().normalize());
    } catch (IOException e) {
      throw new JournalException(
          "the embedded Cassandra cannot be started in " + data + ": " + e.getMessage(), e);
    }
  }

  /** Where it answers; the same for the life of this object, restarts included. */
  public JournalEndpoint endpoint() {
    return JournalEndpoint.onLoopback(child.ports().client());
  }

  /** Process id of the present child; another one after a restart. */
  public long pid() {
    return child.pid();
  }

  /** Stops the child and waits for it. Nothing is started afterwards; calling it again is safe. */
  @Override
  public void close() {
    child.close();
  }

  private static Path lib(EmbeddedSettings settings) {
    Path lib =
        settings
            .lib()
            .map(folder -> folder.toAbsolutePath().normalize())
            .orElseThrow(
                () ->
                    new JournalException(
                        "the embedded Cassandra's jars are not known; set"
                            + " parley.journal.embedded.lib, or parley.journal.contact-points for"
                            + " a cluster of your own"));
    if (!Files.isRegularFile(lib.resolve("jvm.options"))) {
      throw new JournalException(
          "the folder "
              + lib
              + " does not hold the embedded Cassandra; check"
              + " parley.journal.embedded.lib");
    }
    return lib;
  }

  private static void prepare(EmbeddedSettings settings, Path data) throws IOException {
    Files.createDirectories(data);
    long free = Files.getFileStore(data).getUsableSpace();
    if (free < settings.freeSpaceMinBytes()) {
      throw new JournalException(
          "only %d MiB are free in %s and the journal wants %d MiB; make room, choose another data folder, or lower parley.journal.embedded.free-space-min"
              .formatted(free >> 20, data, settings.freeSpaceMinBytes() >> 20));
    }
  }
}
