package io.parley.node.bulk;

import io.parley.node.http.BulkView;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks now and then whether the broker answers and how far the group is behind, since Kafka's
 * consumers wait for a broker in silence.
 */
final class BulkProbe implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BulkProbe.class);
  private static final Duration ASK_TIMEOUT = Duration.ofSeconds(5);

  private final Admin admin;
  private final BulkSettings settings;
  private final BulkCounters counters;
  private final Runnable topicsAreThere;
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "bulk-probe");
            thread.setDaemon(true);
            return thread;
          });
  private volatile Seen seen = new Seen(false, "not asked yet", Map.of());

  /**
   * What was seen last.
   *
   * @param problem why nothing can be taken; empty when all is well
   * @param lag of each partition of the requests
   */
  private record Seen(boolean answers, String problem, Map<Integer, Long> lag) {}

  BulkProbe(Admin admin, BulkSettings settings, BulkCounters counters, Runnable topicsAreThere) {
    this.admin = admin;
    this.settings = settings;
    this.counters = counters;
    this.topicsAreThere = topicsAreThere;
  }

  void start() {
    var unused =
        clock.scheduleWithFixedDelay(
            this::look, 0, settings.probeInterval().toMillis(), TimeUnit.MILLISECONDS);
  }

  private void look() {
    Seen before = seen;
    Seen now;
    try {
      now =
          BulkTopics.ensure(admin, settings, ASK_TIMEOUT)
              ? new Seen(true, "", lag())
              : new Seen(false, "the broker does not answer", Map.of());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    } catch (BulkException e) {
      now = new Seen(true, e.getMessage(), Map.of());
    } catch (ExecutionException | TimeoutException | RuntimeException e) {
      now = new Seen(false, "the broker does not answer", Map.of());
    }
    seen = now;
    if (now.problem().isEmpty()) {
      topicsAreThere.run();
    }
    if (!before.problem().equals(now.problem())) {
      if (now.problem().isEmpty()) {
        LOG.info("Kafka answers");
      } else {
        LOG.warn("bulk waits: {}", now.problem());
      }
    }
  }

  private Map<Integer, Long> lag()
      throws InterruptedException, ExecutionException, TimeoutException {
    String topic = settings.topics().requests();
    Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
    Map<TopicPartition, OffsetSpec> begins = new HashMap<>();
    for (TopicPartitionInfo partition :
        admin
            .describeTopics(java.util.List.of(topic))
            .topicNameValues()
            .get(topic)
            .get(ASK_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
            .partitions()) {
      ends.put(new TopicPartition(topic, partition.partition()), OffsetSpec.latest());
      begins.put(new TopicPartition(topic, partition.partition()), OffsetSpec.earliest());
    }
    Map<TopicPartition, OffsetAndMetadata> committed =
        admin
            .listConsumerGroupOffsets(settings.group())
            .partitionsToOffsetAndMetadata()
            .get(ASK_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    var last = admin.listOffsets(ends).all().get(ASK_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    var first = admin.listOffsets(begins).all().get(ASK_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    Map<Integer, Long> lag = new HashMap<>();
    last.forEach(
        (partition, end) -> {
          OffsetAndMetadata done = committed.get(partition);
          long from = done == null ? first.get(partition).offset() : done.offset();
          lag.put(partition.partition(), Math.max(0, end.offset() - from));
        });
    return lag;
  }

  /** Where bulk stands on this node. */
  BulkView.State state() {
    Seen now = seen;
    return new BulkView.State(
        now.problem().isEmpty() ? "consuming" : now.answers() ? "topics_missing" : "broker_away",
        now.problem(),
        now.lag(),
        counters.takenCount(),
        counters.inFlight(),
        counters.resultCount(),
        counters.deadLetterCount(),
        counters.waitCount(),
        counters.restartCount());
  }

  @Override
  public void close() {
    clock.shutdownNow();
  }
}
