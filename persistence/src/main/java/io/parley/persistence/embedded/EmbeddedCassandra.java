package io.parley.persistence.embedded;

import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.JournalException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One Cassandra node in a child process, kept alive until {@link #close()}.
 *
 * <p>A child that dies is started again on the same ports, so that open drivers find it by
 * themselves. A thread of its own watches it; the class is safe to use from any thread.
 */
public final class EmbeddedCassandra implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedCassandra.class);
  private static final int PORT_TRIES = 5;
  private static final Duration STOP_UNREADY_TIMEOUT = Duration.ofSeconds(3);
  private static final Duration HEALTHY_AFTER = Duration.ofMinutes(1);

  private final EmbeddedSettings settings;
  private final Path lib;
  private final Path data;
  private final EmbeddedCassandraListener listener;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread supervisor;
  private final LoopbackPorts ports;
  private volatile ChildProcess child;

  private EmbeddedCassandra(
      EmbeddedSettings settings,
      Path lib,
      Path data,
      EmbeddedCassandraListener listener,
      LoopbackPorts ports,
      ChildProcess child) {
    this.settings = settings;
    this.lib = lib;
    this.data = data;
    this.listener = listener;
    this.ports = ports;
    this.child = child;
    this.supervisor = new Thread(this::supervise, "cassandra-supervisor");
    supervisor.setDaemon(true);
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
      prepare(settings, folder);
      for (int attempt = 1; ; attempt++) {
        LoopbackPorts ports = LoopbackPorts.pick();
        ChildProcess child = ChildProcess.launch(settings, lib, folder, ports);
        try {
          child.awaitReady(settings.startTimeout(), listener::starting);
        } catch (JournalException e) {
          if (child.portWasTaken() && attempt < PORT_TRIES) {
            continue;
          }
          throw e;
        } catch (InterruptedException e) {
          // it has acknowledged nothing yet
          child.stop(STOP_UNREADY_TIMEOUT);
          throw e;
        }
        EmbeddedCassandra started =
            new EmbeddedCassandra(settings, lib, folder, listener, ports, child);
        started.supervisor.start();
        return started;
      }
    } catch (IOException e) {
      throw new JournalException(
          "the embedded Cassandra cannot be started in " + folder + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted while the embedded Cassandra was starting", e);
    }
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
    return JournalEndpoint.onLoopback(ports.cql());
  }

  /** Process id of the present child; another one after a restart. */
  public long pid() {
    return child.pid();
  }

  /** Stops the child and waits for it. Nothing is started afterwards; calling it again is safe. */
  @Override
  public void close() {
    closing.countDown();
    try {
      supervisor.interrupt();
      supervisor.join();
      child.stop(settings.stopTimeout());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
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

  private void supervise() {
    int restarts = 0;
    try {
      while (true) {
        long begin = System.nanoTime();
        waitForExit();
        if (System.nanoTime() - begin > HEALTHY_AFTER.toNanos()) {
          restarts = 0;
        }
        String reason = child.describeEnd();
        boolean running = false;
        while (!running) {
          if (restarts == settings.restartsMax()) {
            LOG.error("Giving up after {} restarts: {}", restarts, reason);
            listener.gaveUp(reason);
            return;
          }
          restarts++;
          LOG.warn("Restart {} of {}: {}", restarts, settings.restartsMax(), reason);
          listener.died(reason, restarts, settings.restartsMax());
          if (closing.await(delay(restarts).toMillis(), TimeUnit.MILLISECONDS)) {
            return;
          }
          try {
            prepare(settings, data);
            child = ChildProcess.launch(settings, lib, data, ports);
            child.awaitReady(settings.startTimeout(), listener::starting);
            running = true;
          } catch (IOException | JournalException e) {
            reason = e.getMessage();
          }
        }
        LOG.info("The embedded Cassandra answers again");
        listener.restarted();
      }
    } catch (InterruptedException e) {
      // closing: the present child is stopped by close()
    }
  }

  private void waitForExit() throws InterruptedException {
    try {
      child.onExit().get();
    } catch (java.util.concurrent.ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private Duration delay(int restart) {
    Duration delay = settings.restartDelayMin().multipliedBy(1L << Math.min(restart - 1, 20));
    return delay.compareTo(settings.restartDelayMax()) < 0 ? delay : settings.restartDelayMax();
  }
}
