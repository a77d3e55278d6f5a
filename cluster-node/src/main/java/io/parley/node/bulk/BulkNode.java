package io.parley.node.bulk;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorSystem;
import akka.pattern.Patterns;
import io.parley.node.http.BatchTurns;
import io.parley.node.http.BulkView;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bulk on this node: made when the node starts, and ended by the coordinated shutdown. Nothing is
 * written after that: what was taken and not committed is delivered to another node, or to this one
 * when it comes back.
 */
public final class BulkNode implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BulkNode.class);

  private final ActorSystem<?> system;
  private final BulkSettings settings;
  private final Admin admin;
  private final BulkProducer producer;
  private final BulkConsumer consumer;
  private final BulkProbe probe;
  private Optional<BulkConsumer.Stream> stream = Optional.empty(); // guarded by this
  private boolean closed; // guarded by this

  private BulkNode(ActorSystem<?> system, BulkSettings settings, String servers, BatchTurns turns) {
    this.system = system;
    this.settings = settings;
    KafkaClients clients = new KafkaClients(settings, servers);
    BulkCounters counters = new BulkCounters();
    this.admin = clients.admin();
    this.producer = new BulkProducer(clients.producer());
    BulkRunner runner = new BulkRunner(turns, settings, system, Clock.systemUTC(), counters);
    this.consumer = new BulkConsumer(system, settings, clients, runner, producer, counters);
    this.probe = new BulkProbe(admin, settings, counters, this::begin);
  }

  /**
   * Starts it. A broker that is away is waited for behind the start.
   *
   * @param servers where the broker is, as {@code host:port,…}
   * @throws BulkException one line, when its settings are refused or topics are missing
   */
  public static BulkNode start(
      ActorSystem<?> system, BulkSettings settings, String servers, BatchTurns turns) {
    BulkNode node;
    try {
      node = new BulkNode(system, settings, servers, turns);
    } catch (org.apache.kafka.common.KafkaException e) {
      throw new BulkException(
          "Kafka's clients cannot be made, check parley.bulk: " + innermost(e), e);
    }
    try {
      if (BulkTopics.ensure(node.admin, settings, settings.startTimeout())) {
        node.begin();
      } else {
        LOG.warn("Kafka at {} does not answer; bulk begins when it does", servers);
      }
      node.probe.start();
      node.endWithNode();
      return node;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      node.close();
      throw new BulkException("interrupted while bulk was starting", e);
    } catch (RuntimeException e) {
      node.close();
      throw e;
    }
  }

  private static String innermost(Throwable failure) {
    Throwable cause = failure;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause.getMessage();
  }

  /** The topics are there: takes records from now on. */
  private synchronized void begin() {
    if (stream.isEmpty() && !closed) {
      stream = Optional.of(consumer.start());
    }
  }

  private void endWithNode() {
    CoordinatedShutdown shutdown = CoordinatedShutdown.get(system);
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceUnbind(),
        "bulk-drain",
        () -> drain().thenApply(done -> Done.getInstance()));
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceStop(),
        "bulk-stop",
        () -> {
          close();
          return CompletableFuture.completedFuture(Done.getInstance());
        });
  }

  /** Takes nothing more, and gives what runs a short time to be written. */
  private synchronized CompletionStage<Done> drain() {
    if (stream.isEmpty()) {
      return CompletableFuture.completedFuture(Done.getInstance());
    }
    Duration patience = settings.drainTimeout();
    CompletionStage<Done> stopped =
        consumer.stopTaking().exceptionally(failure -> Done.getInstance());
    CompletionStage<Done> enough =
        Patterns.after(
            patience, system, () -> CompletableFuture.completedFuture(Done.getInstance()));
    return stopped
        .thenCombine(stream.get().ended().exceptionally(failure -> Done.getInstance()), (a, b) -> b)
        .applyToEither(enough, done -> done);
  }

  /** Where it stands. */
  public BulkView view() {
    return probe::state;
  }

  /** Ends it; what runs is abandoned and not committed. Calling it again is safe. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      stream.ifPresent(running -> running.kill().shutdown());
    }
    probe.close();
    producer.close();
    admin.close(Duration.ofMillis(TimeUnit.SECONDS.toMillis(1)));
  }
}
