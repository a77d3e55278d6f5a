package io.parley.node;

import com.typesafe.config.Config;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Whether this process has been running all the time. One that stood still (stopped by a signal,
 * without a core, in a collection without end) for as long as it takes the others to give a node up
 * may have lost its sessions to them, and does not know yet. From then on it writes nothing and
 * tells nobody of what it had written, and the node ends. A node without other writers in its
 * cluster has lost nothing and goes on.
 *
 * <p>A machine that is suspended stops its clocks as well, and is not noticed.
 */
final class Pulse {
  private static final long BEAT_MILLIS = 200;

  /** How much sooner than the others it must know. */
  private static final Duration MARGIN = Duration.ofSeconds(1);

  private final Duration limit;
  private final BooleanSupplier alone;
  private final LongSupplier nanoTime;
  private volatile long beatNanos;
  private volatile boolean stoodStill;

  /**
   * @param alone whether no other node may write
   */
  Pulse(Duration limit, BooleanSupplier alone, LongSupplier nanoTime) {
    this.limit = limit;
    this.alone = alone;
    this.nanoTime = nanoTime;
    this.beatNanos = nanoTime.getAsLong();
  }

  /** The shortest time in which a node is given up and its sessions are started elsewhere. */
  static Duration limit(Config config) {
    Config cluster = config.getConfig("akka.cluster");
    return cluster
        .getDuration("failure-detector.acceptable-heartbeat-pause")
        .plus(cluster.getDuration("split-brain-resolver.stable-after"))
        .plus(cluster.getDuration("down-removal-margin"))
        .minus(MARGIN);
  }

  /**
   * Begins to beat, in a thread of its own, until the node has stood still.
   *
   * @param lost hears for how long
   */
  Pulse start(Consumer<Duration> lost) {
    Thread thread =
        new Thread(
            () -> {
              try {
                while (beat(lost)) {
                  Thread.sleep(BEAT_MILLIS);
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "parley-pulse");
    thread.setDaemon(true);
    thread.start();
    return this;
  }

  /** Whether it goes on. */
  boolean beat(Consumer<Duration> lost) {
    long now = nanoTime.getAsLong();
    Duration pause = Duration.ofNanos(now - beatNanos);
    if (pause.compareTo(limit) >= 0 && !alone.getAsBoolean()) {
      stoodStill = true; // before the beat: who looks in between must not take it for fresh
      lost.accept(pause);
      return false;
    }
    beatNanos = now;
    return true;
  }

  /** Whether this node may write to the journal, and tell of what it has written. */
  boolean mayWrite() {
    return !stoodStill
        && (nanoTime.getAsLong() - beatNanos < limit.toNanos() || alone.getAsBoolean());
  }
}
