package io.parley.persistence.embedded;

import io.parley.persistence.JournalException;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A child process that is kept alive until {@link #close()}. One that dies is started again on the
 * same ports, so that open clients find it by themselves. A thread of its own watches it; the class
 * is safe to use from any thread.
 */
public final class SupervisedChild implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SupervisedChild.class);
  private static final int PORT_TRIES = 5;
  private static final Duration STOP_UNREADY_TIMEOUT = Duration.ofSeconds(3);
  private static final Duration HEALTHY_AFTER = Duration.ofMinutes(1);

  private final String what;
  private final Limits limits;
  private final Starter starter;
  private final ChildListener listener;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final LoopbackPorts ports;
  private final Thread supervisor;
  private volatile ChildProcess child;

  private SupervisedChild(
      String what,
      Limits limits,
      Starter starter,
      ChildListener listener,
      LoopbackPorts ports,
      ChildProcess child) {
    this.what = what;
    this.limits = limits;
    this.starter = starter;
    this.listener = listener;
    this.ports = ports;
    this.child = child;
    this.supervisor = new Thread(this::supervise, what + "-supervisor");
    supervisor.setDaemon(true);
  }

  /**
   * How long and how often.
   *
   * @param restartsMax restarts in a row; a child that ran for a minute resets the count
   */
  public record Limits(
      Duration startTimeout,
      Duration stopTimeout,
      int restartsMax,
      Duration restartDelayMin,
      Duration restartDelayMax) {}

  /** Starts one run of the child. */
  @FunctionalInterface
  public interface Starter {
    /**
     * Starts it and returns at once.
     *
     * @throws RuntimeException one line (a {@link ChildException} or {@link JournalException}),
     *     when something that it needs is not there
     */
    ChildProcess start(LoopbackPorts ports) throws IOException;
  }

  /**
   * Starts the child and returns when it is ready.
   *
   * @throws ChildException one line: what the child said when it failed, or that it took too long
   */
  public static SupervisedChild start(
      String what, Limits limits, Starter starter, ChildListener listener)
      throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      LoopbackPorts ports = LoopbackPorts.pick();
      ChildProcess child = starter.start(ports);
      try {
        child.awaitReady(limits.startTimeout(), listener::starting);
      } catch (ChildException e) {
        if (child.portWasTaken() && attempt < PORT_TRIES) {
          continue;
        }
        throw e;
      } catch (InterruptedException e) {
        // it has acknowledged nothing yet
        child.stop(STOP_UNREADY_TIMEOUT);
        throw e;
      }
      SupervisedChild started = new SupervisedChild(what, limits, starter, listener, ports, child);
      started.supervisor.start();
      return started;
    }
  }

  /** The same for the life of this object, restarts included. */
  public LoopbackPorts ports() {
    return ports;
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
      child.stop(limits.stopTimeout());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
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
          if (restarts == limits.restartsMax()) {
            LOG.error("Giving up after {} restarts: {}", restarts, reason);
            listener.gaveUp(reason);
            return;
          }
          restarts++;
          LOG.warn("Restart {} of {}: {}", restarts, limits.restartsMax(), reason);
          listener.died(reason, restarts, limits.restartsMax());
          if (closing.await(delay(restarts).toMillis(), TimeUnit.MILLISECONDS)) {
            return;
          }
          try {
            child = starter.start(ports);
            child.awaitReady(limits.startTimeout(), listener::starting);
            running = true;
          } catch (IOException | ChildException | JournalException e) {
            reason = e.getMessage();
          }
        }
        LOG.info("The embedded {} answers again", what);
        listener.restarted();
      }
    } catch (InterruptedException e) {
      // closing: the present child is stopped by close()
    }
  }

  private void waitForExit() throws InterruptedException {
    try {
      child.onExit().get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private Duration delay(int restart) {
    Duration delay = limits.restartDelayMin().multipliedBy(1L << Math.min(restart - 1, 20));
    return delay.compareTo(limits.restartDelayMax()) < 0 ? delay : limits.restartDelayMax();
  }
}
