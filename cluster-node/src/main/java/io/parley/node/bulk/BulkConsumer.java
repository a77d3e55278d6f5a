package io.parley.node.bulk;

import akka.Done;
import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.japi.Pair;
import akka.kafka.CommitterSettings;
import akka.kafka.ConsumerMessage.CommittableMessage;
import akka.kafka.ConsumerMessage.CommittableOffset;
import akka.kafka.ConsumerSettings;
import akka.kafka.Subscriptions;
import akka.kafka.javadsl.Committer;
import akka.kafka.javadsl.Consumer;
import akka.stream.KillSwitches;
import akka.stream.RestartSettings;
import akka.stream.UniqueKillSwitch;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.RestartSource;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import io.parley.node.bulk.BulkWriting.Written;
import io.parley.node.http.ApiException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stream from the requests' topic to the other two.
 *
 * <p>Each partition is a stream of its own, in order: run (some at once), write, commit. An offset
 * is committed only when what came of its record, and of all before it, was acknowledged. When the
 * stream breaks it begins again behind what was committed, and the records find their turns. A
 * partition that is taken away takes nothing new in; what runs is finished and written, and found
 * done by the node that has the partition then, under the same ids.
 */
final class BulkConsumer {
  private static final Logger LOG = LoggerFactory.getLogger(BulkConsumer.class);

  /** More partitions than one node is ever given. */
  private static final int PARTITIONS_MAX = 100_000;

  private static final double RESTART_RANDOM = 0.2;

  private final ActorSystem<?> system;
  private final BulkSettings settings;
  private final ConsumerSettings<byte[], byte[]> consumer;
  private final CommitterSettings committer;
  private final BulkRunner runner;
  private final BulkProducer producer;
  private final BulkCounters counters;
  private final Slots slots;
  private final AtomicReference<Consumer.Control> control =
      new AtomicReference<>(Consumer.createNoopControl());

  BulkConsumer(
      ActorSystem<?> system,
      BulkSettings settings,
      KafkaClients clients,
      BulkRunner runner,
      BulkProducer producer,
      BulkCounters counters) {
    this.system = system;
    this.settings = settings;
    this.runner = runner;
    this.producer = producer;
    this.counters = counters;
    this.slots = new Slots(settings.inFlight());
    this.consumer =
        ConsumerSettings.create(system, new ByteArrayDeserializer(), new ByteArrayDeserializer())
            .withProperties(clients.consumer())
            .withBootstrapServers(clients.consumer().get("bootstrap.servers"));
    this.committer = CommitterSettings.create(system).withMaxInterval(settings.commitInterval());
  }

  /** A stream that runs. */
  record Stream(UniqueKillSwitch kill, CompletionStage<Done> ended) {}

  /** Starts it; it begins anew whenever it breaks. */
  Stream start() {
    RestartSettings restarts =
        RestartSettings.create(settings.reconnectMin(), settings.reconnectMax(), RESTART_RANDOM);
    Pair<UniqueKillSwitch, CompletionStage<Done>> running =
        RestartSource.onFailuresWithBackoff(restarts, this::source)
            .viaMat(KillSwitches.single(), Keep.right())
            .toMat(Sink.ignore(), Keep.both())
            .run(system);
    return new Stream(running.first(), running.second());
  }

  private Source<Done, NotUsed> source() {
    return Consumer.committablePartitionedSource(
            consumer, Subscriptions.topics(settings.topics().requests()))
        .mapMaterializedValue(
            fresh -> {
              control.set(fresh);
              return NotUsed.getInstance();
            })
        .flatMapMerge(PARTITIONS_MAX, partition -> written(partition.second()))
        .via(Committer.flow(committer))
        .mapError(
            Throwable.class,
            failure -> {
              counters.restarted();
              LOG.warn("the bulk stream broke and begins anew: {}", failure.toString());
              return failure;
            });
  }

  private Source<CommittableOffset, NotUsed> written(
      Source<CommittableMessage<byte[], byte[]>, NotUsed> records) {
    return records
        .mapAsync(settings.inFlightPerPartition(), this::run)
        .mapAsync(
            settings.inFlightPerPartition(),
            ran -> write(ran).thenApply(acknowledged -> ran.offset()));
  }

  /** A record, what it asks for if that can be said, and what came of it. */
  private record Ran(
      Envelope record, Optional<BulkLine> line, Outcome outcome, CommittableOffset offset) {}

  private CompletionStage<Ran> run(CommittableMessage<byte[], byte[]> message) {
    Envelope record = envelope(message.record());
    counters.taken();
    BulkLine line;
    try {
      line = BulkLine.read(record, settings.maxRecordBytes());
    } catch (ApiException e) {
      counters.finished();
      return CompletableFuture.completedFuture(
          new Ran(record, Optional.empty(), new Outcome.Dead(e), message.committableOffset()));
    }
    return slots
        .acquire()
        .thenCompose(
            slot ->
                runner
                    .run(line)
                    .whenComplete(
                        (outcome, failure) -> {
                          slots.release();
                          counters.finished();
                        }))
        .thenApply(
            outcome -> new Ran(record, Optional.of(line), outcome, message.committableOffset()));
  }

  private CompletionStage<Void> write(Ran ran) {
    int maxBytes = settings.maxMessageBytes();
    Written written =
        BulkWriting.of(ran.record(), ran.line(), ran.outcome(), settings.topics(), maxBytes);
    boolean deadLetter = written.topic().equals(settings.topics().deadLetters());
    if (deadLetter) {
      LOG.info(
          "{}[{}]@{} is a dead letter: {}",
          ran.record().topic(),
          ran.record().partition(),
          ran.record().offset(),
          BulkWriting.errorCode(written));
    }
    return producer
        .write(
            written,
            () ->
                deadLetter
                    ? BulkWriting.withoutValue(written)
                    : BulkWriting.tooLarge(
                        ran.record(),
                        ran.line().orElseThrow(),
                        written.value().map(value -> value.length).orElse(0),
                        settings.topics(),
                        maxBytes))
        .thenRun(() -> counters.written(deadLetter));
  }

  private static Envelope envelope(ConsumerRecord<byte[], byte[]> record) {
    List<Envelope.Header> all = new ArrayList<>();
    Map<String, byte[]> byName = new HashMap<>();
    for (Header header : record.headers()) {
      byte[] value = header.value() == null ? new byte[0] : header.value();
      all.add(new Envelope.Header(header.key(), value));
      byName.put(header.key(), value);
    }
    return new Envelope(
        record.topic(),
        record.partition(),
        record.offset(),
        record.timestamp(),
        Optional.ofNullable(record.key()),
        all,
        byName,
        record.value() == null ? new byte[0] : record.value());
  }

  /** Takes nothing more; what was taken goes on to be written and committed. */
  CompletionStage<Done> stopTaking() {
    return control.get().stop();
  }
}
