package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.stream.javadsl.Sink;
import com.datastax.oss.driver.api.core.CqlSession;
import io.parley.persistence.RunningTurns.Entry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The list of running turns in a real Cassandra. */
class RunningTurnsIT {
  @TempDir private static Path data;
  private static RunningCassandra cassandra;
  private static ActorTestKit kit;

  @BeforeAll
  static void start() {
    cassandra = RunningCassandra.start(data).withSchema();
    // a journal that an earlier version made lacks the table, and gets it
    long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    try (CqlSession session =
        JournalConnection.open(cassandra.settings(), cassandra.process().endpoint(), deadline)) {
      session.execute("DROP TABLE parley." + JournalTables.RUNNING_TURNS.name());
    }
    cassandra.withSchema();
    kit = ActorTestKit.create("turns", cassandra.akkaConfig());
  }

  @AfterAll
  static void stop() {
    if (kit != null) {
      kit.shutdownTestKit();
    }
    if (cassandra != null) {
      cassandra.close();
    }
  }

  private static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private static List<Entry> all(RunningTurns turns) throws Exception {
    List<Entry> all = new ArrayList<>();
    for (int slice = 0; slice < RunningTurns.SLICES; slice++) {
      all.addAll(get(turns.inSlice(slice).runWith(Sink.seq(), kit.system())));
    }
    return all;
  }

  @Test
  void holdsWhatWasAddedAndNotRemoved() throws Exception {
    RunningTurns turns = new CassandraRunningTurns(kit.system());
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      entries.add(new Entry("default/session-" + i, 1 + i % 3));
    }
    for (Entry entry : entries) {
      get(turns.add(entry));
      get(turns.add(entry));
    }
    assertThat(all(turns)).containsExactlyInAnyOrderElementsOf(entries);

    for (Entry entry : entries.subList(0, 100)) {
      get(turns.remove(entry));
      get(turns.remove(entry));
    }
    // another turn of the same session is another entry
    get(turns.remove(new Entry(entries.get(150).session(), 77)));
    assertThat(all(turns)).containsExactlyInAnyOrderElementsOf(entries.subList(100, 200));
  }
}
