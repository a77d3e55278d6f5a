package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.AskPattern;
import akka.stream.javadsl.Sink;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.cql.Row;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/** One story on one data folder, because each start of Cassandra takes seconds. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class JournalIT {
  private static final Duration PATIENCE = Duration.ofMinutes(5);
  private static final int LATENCY_SAMPLES = 500;

  @TempDir static Path data;
  private static RunningCassandra cassandra;
  private static CountDownLatch restarted;

  @BeforeAll
  static void startOnAnEmptyFolder() {
    start("cold");
  }

  @AfterAll
  static void stop() {
    cassandra.close();
  }

  private static void start(String how) {
    restarted = new CountDownLatch(1);
    CountDownLatch latch = restarted;
    long begin = System.nanoTime();
    cassandra =
        RunningCassandra.start(
            data,
            "embedded.free-space-min = 0",
            new EmbeddedCassandraListener() {
              @Override
              public void restarted() {
                latch.countDown();
              }
            });
    System.out.printf("start (%s): %d ms%n", how, (System.nanoTime() - begin) / 1_000_000);
  }

  @Test
  @Order(1)
  void twoNodesMayPrepareTheSchemaAtOnce() throws Exception {
    List<CompletableFuture<UUID>> both =
        List.of(
            CompletableFuture.supplyAsync(JournalIT::ensureSchema),
            CompletableFuture.supplyAsync(JournalIT::ensureSchema));
    Set<UUID> ids = new HashSet<>();
    for (CompletableFuture<UUID> one : both) {
      ids.add(one.get(5, TimeUnit.MINUTES));
    }
    ids.add(ensureSchema()); // and once more on what exists
    assertThat(ids).as("the journal's id is made once").hasSize(1);
    UUID other =
        JournalSchema.ensure(
            RunningCassandra.settings("keyspace = another, snapshot-keyspace = another_snapshot"),
            cassandra.process().endpoint(),
            PATIENCE);
    assertThat(ids).doesNotContain(other);
  }

  private static UUID ensureSchema() {
    return JournalSchema.ensure(cassandra.settings(), cassandra.process().endpoint(), PATIENCE);
  }

  @Test
  @Order(2)
  void anotherPartitionSizeIsRefused() {
    JournalSettings other = RunningCassandra.settings("events-per-partition = 500");

    assertThatExceptionOfType(JournalException.class)
        .isThrownBy(() -> JournalSchema.ensure(other, cassandra.process().endpoint(), PATIENCE))
        .withMessageContaining("parley.journal.events-per-partition")
        .withMessageContaining("10000");
  }

  @Test
  @Order(3)
  void aSecondNodeOnTheSameFolderIsToldSo() {
    assertThatExceptionOfType(JournalException.class)
        .isThrownBy(
            () ->
                EmbeddedCassandra.start(
                    cassandra.settings().embedded(), data, new EmbeddedCassandraListener() {}))
        .withMessageContaining(
            "is in use by another Cassandra (process " + cassandra.process().pid())
        .withMessageNotContaining("\n");
  }

  @Test
  @Order(4)
  void aRestartOnOtherPortsKeepsWhatWasStored() throws Exception {
    List<String> before;
    ActorTestKit first = ActorTestKit.create("first", cassandra.akkaConfig());
    try {
      ActorRef<Counter.Add> counter = first.spawn(Counter.create("kept"));
      for (int i = 1; i <= 20; i++) {
        assertThat(add(first, counter).get(1, TimeUnit.MINUTES)).isEqualTo(i);
      }
      before = stored(first, "kept");
      assertThat(before).isEqualTo(IntStream.rangeClosed(1, 20).mapToObj(String::valueOf).toList());
    } finally {
      first.shutdownTestKit();
    }
    JournalEndpoint oldEndpoint = cassandra.process().endpoint();
    cassandra.close();
    start("warm");
    assertThat(cassandra.process().endpoint()).isNotEqualTo(oldEndpoint);
    cassandra.withSchema();

    ActorTestKit second = ActorTestKit.create("second", cassandra.akkaConfig());
    try {
      assertThat(stored(second, "kept")).isEqualTo(before);
      assertThat(add(second, second.spawn(Counter.create("kept"))).get(1, TimeUnit.MINUTES))
          .isEqualTo(21);
    } finally {
      second.shutdownTestKit();
    }
  }

  @Test
  @Order(5)
  void aKilledCassandraLosesNothingThatWasAcknowledgedAndWritersGoOn() throws Exception {
    ActorTestKit kit = ActorTestKit.create("killed", cassandra.akkaConfig());
    try {
      ActorRef<Counter.Add> counter = kit.spawn(Counter.create("killed"));
      int acknowledged = 0;
      for (int i = 0; i < 100; i++) {
        acknowledged = add(kit, counter).get(1, TimeUnit.MINUTES);
      }
      // at once after an acknowledgement, with one more write under way
      CompletableFuture<Integer> underWay = add(kit, counter);
      ProcessHandle.of(cassandra.process().pid()).orElseThrow().destroyForcibly();
      assertThat(restarted.await(5, TimeUnit.MINUTES)).isTrue();
      int next = firstAnswer(kit, counter);

      assertThat(next).isGreaterThan(acknowledged);
      assertThat(underWay.isDone() && !underWay.isCompletedExceptionally() ? underWay.get() : 0)
          .isLessThan(next);
      assertThat(stored(kit, "killed")).hasSizeGreaterThanOrEqualTo(next);
      List<Long> numbers = sequenceNumbers(kit, "killed");
      assertThat(numbers).isEqualTo(LongStream.rangeClosed(1, numbers.size()).boxed().toList());
    } finally {
      kit.shutdownTestKit();
    }
  }

  /**
   * As a request's time-out leaves it behind, whose bytes arrived after the writer had recovered.
   */
  @Test
  @Order(6)
  void aWriteThatComesLateIsNoEvent() throws Exception {
    ActorTestKit kit = ActorTestKit.create("late", cassandra.akkaConfig());
    try (CqlSession driver = connect()) {
      ActorRef<Counter.Add> before = kit.spawn(Counter.create("late"));
      for (int i = 1; i <= 3; i++) {
        assertThat(add(kit, before).get(1, TimeUnit.MINUTES)).isEqualTo(i);
      }
      kit.stop(before);
      ActorRef<Counter.Add> after = kit.spawn(Counter.create("late"));
      assertThat(add(kit, after).get(1, TimeUnit.MINUTES)).isEqualTo(4);
      kit.stop(after);
      for (int number = 4; number <= 5; number++) {
        storeLate(driver, "late", 3, number);
      }

      assertThat(stored(kit, "late")).isEqualTo(List.of("1", "2", "3", "4"));
      ActorRef<Counter.Add> again = kit.spawn(Counter.create("late"));
      assertThat(add(kit, again).get(1, TimeUnit.MINUTES)).isEqualTo(5);
      assertThat(stored(kit, "late")).isEqualTo(List.of("1", "2", "3", "4", "5"));
    } finally {
      kit.shutdownTestKit();
    }
  }

  /** The same where the late rows come first, as they do: they were written before. */
  @Test
  @Order(7)
  void theLastEventIsReplayedThoughALateRowOfItsNumberComesFirst() throws Exception {
    ActorTestKit kit = ActorTestKit.create("late-last", cassandra.akkaConfig());
    try (CqlSession driver = connect()) {
      assertThat(JournalProbe.run(kit.system()).toCompletableFuture())
          .succeedsWithin(Duration.ofMinutes(1));
      String id = "late-last";
      ActorRef<Counter.Add> before = kit.spawn(Counter.create(id));
      for (int i = 1; i <= 3; i++) {
        assertThat(add(kit, before).get(1, TimeUnit.MINUTES)).isEqualTo(i);
      }
      kit.stop(before);
      ActorRef<Counter.Add> after = kit.spawn(Counter.create(id));
      assertThat(add(kit, after).get(1, TimeUnit.MINUTES)).isEqualTo(4);
      assertThat(add(kit, after).get(1, TimeUnit.MINUTES)).isEqualTo(5);
      kit.stop(after);
      for (int number = 4; number <= 5; number++) {
        storeLate(driver, id, 3, number, "?");
      }

      ActorRef<Counter.Add> again = kit.spawn(Counter.create(id));
      assertThat(add(kit, again).get(1, TimeUnit.MINUTES)).isEqualTo(6);
      kit.stop(again);
      assertThat(stored(kit, id)).isEqualTo(List.of("1", "2", "3", "4", "5", "6"));
    } finally {
      kit.shutdownTestKit();
    }
  }

  private static void storeLate(CqlSession driver, String id, long like, long number) {
    storeLate(driver, id, like, number, "now()");
  }

  /** A row like another one, with another number and place, of the same writer. */
  private static void storeLate(
      CqlSession driver, String id, long like, long number, String timestamp) {
    String table = "parley.messages";
    Row row =
        driver
            .execute(
                "SELECT * FROM "
                    + table
                    + " WHERE persistence_id = ? AND partition_nr = 0 AND sequence_nr = ?",
                id,
                like)
            .one();
    driver.execute(
        "INSERT INTO "
            + table
            + " (persistence_id, partition_nr, sequence_nr, timestamp, timebucket, writer_uuid,"
            + " ser_id, ser_manifest, event_manifest, event)"
            + " VALUES (?, 0, ?, "
            + timestamp
            + ", ?, ?, ?, ?, ?, ?)",
        Stream.of(
                id,
                number,
                timestamp.equals("?") ? row.getUuid("timestamp") : null,
                row.getString("timebucket"),
                row.getString("writer_uuid"),
                row.getInt("ser_id"),
                row.getString("ser_manifest"),
                row.getString("event_manifest"),
                row.getByteBuffer("event"))
            .filter(Objects::nonNull)
            .toArray());
  }

  private static CqlSession connect() {
    return JournalConnection.open(
        cassandra.settings(),
        cassandra.process().endpoint(),
        System.nanoTime() + PATIENCE.toNanos());
  }

  @Test
  @Order(8)
  void persistLatencyIsPrinted() throws Exception {
    ActorTestKit kit = ActorTestKit.create("latency", cassandra.akkaConfig());
    try {
      ActorRef<Counter.Add> counter = kit.spawn(Counter.create("latency"));
      long[] micros = new long[LATENCY_SAMPLES];
      for (int i = 0; i < LATENCY_SAMPLES; i++) {
        long begin = System.nanoTime();
        assertThat(add(kit, counter).get(1, TimeUnit.MINUTES)).isEqualTo(i + 1);
        micros[i] = (System.nanoTime() - begin) / 1000;
      }
      Arrays.sort(micros);
      System.out.printf(
          "persist: p50 %d us, p99 %d us, durability %s%n",
          micros[LATENCY_SAMPLES / 2],
          micros[LATENCY_SAMPLES * 99 / 100],
          cassandra.settings().embedded().durability());
    } finally {
      kit.shutdownTestKit();
    }
  }

  /** Asks until it is answered: commands sent while the journal is away may be dropped. */
  private static int firstAnswer(ActorTestKit kit, ActorRef<Counter.Add> counter) {
    return await()
        .atMost(PATIENCE)
        .until(
            () -> {
              try {
                return add(kit, counter).get(5, TimeUnit.SECONDS);
              } catch (ExecutionException | java.util.concurrent.TimeoutException e) {
                return 0;
              }
            },
            n -> n > 0);
  }

  private static CompletableFuture<Integer> add(ActorTestKit kit, ActorRef<Counter.Add> counter) {
    return AskPattern.ask(counter, Counter.Add::new, Duration.ofMinutes(1), kit.scheduler())
        .toCompletableFuture();
  }

  private static List<String> stored(ActorTestKit kit, String id) throws Exception {
    return read(kit, id).stream().map(e -> (String) e.event()).toList();
  }

  private static List<Long> sequenceNumbers(ActorTestKit kit, String id) throws Exception {
    return read(kit, id).stream().map(JournaledEvent::sequenceNr).toList();
  }

  private static List<JournaledEvent> read(ActorTestKit kit, String id) throws Exception {
    return new SessionEvents(kit.system())
        .events(id, 1, Long.MAX_VALUE)
        .runWith(Sink.seq(), kit.system())
        .toCompletableFuture()
        .get(1, TimeUnit.MINUTES);
  }
}
