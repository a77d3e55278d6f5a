package io.parley.node.bulk;

import io.parley.persistence.embedded.ChildException;
import io.parley.persistence.embedded.ChildListener;
import io.parley.persistence.embedded.ChildProcess;
import io.parley.persistence.embedded.LoopbackPorts;
import io.parley.persistence.embedded.SupervisedChild;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** One Kafka broker in a child process, kept alive until {@link #close()}. */
public final class EmbeddedKafka implements AutoCloseable {
  private static final String MAIN_CLASS = "io.parley.kafka.KafkaChild";
  private static final String PREFIX = "parley-kafka: ";
  private static final String NAME = "Kafka";
  private static final Duration PREVIOUS_OWNER_WAIT = Duration.ofSeconds(30);

  private final SupervisedChild child;

  private EmbeddedKafka(SupervisedChild child) {
    this.child = child;
  }

  /**
   * Starts the child and returns when it takes connections.
   *
   * @param data folder for all it keeps; created if missing, and held by this child alone
   * @throws BulkException one line: folder in use, class path not found, or what the child said
   */
  public static EmbeddedKafka start(
      EmbeddedKafkaSettings settings, Path data, ChildListener listener) {
    Path folder = data.toAbsolutePath().normalize();
    Path lib = lib(settings);
    try {
      return new EmbeddedKafka(
          SupervisedChild.start(
              NAME,
              new SupervisedChild.Limits(
                  settings.startTimeout(),
                  settings.stopTimeout(),
                  settings.restartsMax(),
                  settings.restartDelayMin(),
                  settings.restartDelayMax()),
              ports -> ChildProcess.start(launch(settings, lib, folder, ports)),
              listener));
    } catch (ChildException e) {
      throw new BulkException(e.getMessage(), e);
    } catch (IOException e) {
      throw new BulkException(
          "the embedded Kafka cannot be started in " + folder + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BulkException("interrupted while the embedded Kafka was starting", e);
    }
  }

  private static ChildProcess.Launch launch(
      EmbeddedKafkaSettings settings, Path lib, Path data, LoopbackPorts ports) throws IOException {
    Path tmp = Files.createDirectories(data.resolve("tmp"));
    Path log = Files.createDirectories(data.resolve("logs")).resolve("kafka.log");
    long heapMebibytes = settings.heapBytes() >> 20;
    List<String> command =
        List.of(
            ChildProcess.java(),
            "@" + lib.resolve("jvm.options"),
            "-Xms" + heapMebibytes + "m",
            "-Xmx" + heapMebibytes + "m",
            "-XX:ErrorFile=" + data.resolve("logs").resolve("hs_err.log"),
            "-Djava.io.tmpdir=" + tmp,
            "-cp",
            String.join(
                File.pathSeparator, ChildProcess.jars(lib).stream().map(Path::toString).toList()),
            MAIN_CLASS,
            "--data",
            data.toString(),
            "--port",
            Integer.toString(ports.client()),
            "--controller-port",
            Integer.toString(ports.internal()),
            "--log",
            log.toString(),
            "--lock-wait-millis",
            Long.toString(PREVIOUS_OWNER_WAIT.toMillis()));
    return new ChildProcess.Launch(
        NAME, PREFIX, command, data, log, "parley.bulk.embedded.start-timeout");
  }

  private static Path lib(EmbeddedKafkaSettings settings) {
    Path lib =
        settings
            .lib()
            .map(folder -> folder.toAbsolutePath().normalize())
            .orElseThrow(
                () ->
                    new BulkException(
                        "the embedded Kafka's jars are not known; set parley.bulk.embedded.lib,"
                            + " or parley.bulk.bootstrap-servers for a broker of your own"));
    if (!Files.isRegularFile(lib.resolve("jvm.options"))) {
      throw new BulkException(
          "the folder "
              + lib
              + " does not hold the embedded Kafka; check parley.bulk.embedded.lib");
    }
    return lib;
  }

  /** Where it answers; the same for the life of this object, restarts included. */
  public String bootstrapServer() {
    return "127.0.0.1:" + child.ports().client();
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
}
