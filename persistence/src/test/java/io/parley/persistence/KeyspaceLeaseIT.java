package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import com.datastax.oss.driver.api.core.CqlSession;
import io.parley.persistence.KeyspaceLease.Holder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clusters that want one keyspace of a real Cassandra, which is external to them. */
class KeyspaceLeaseIT {
  private static final Duration PATIENCE = Duration.ofMinutes(5);
  private static final Holder ONE = new Holder("one", UUID.randomUUID());
  private static final Holder OTHER = new Holder("other", UUID.randomUUID());

  @TempDir static Path data;
  private static RunningCassandra cassandra;

  private final List<String> losses = Collections.synchronizedList(new ArrayList<>());

  @BeforeAll
  static void start() {
    cassandra = RunningCassandra.start(data).withSchema();
  }

  @AfterAll
  static void stop() {
    cassandra.close();
  }

  @AfterEach
  void free() {
    execute("DELETE FROM parley.parley_schema WHERE name = 'owner'");
  }

  @Test
  void aSecondClusterIsRefusedByTheNameOfTheFirst() {
    try (KeyspaceLease lease = take(ONE, "60s")) {
      assertThatExceptionOfType(JournalException.class)
          .isThrownBy(() -> take(OTHER, "60s"))
          .withMessageContaining("the keyspace parley is in use by the cluster 'one' of ")
          .withMessageNotContaining("\n");
      assertThat(lease).isNotNull();
    }
    assertThat(losses).isEmpty();
  }

  @Test
  void aStopInOrderFreesTheKeyspaceAtOnce() {
    take(ONE, "60s").close();

    take(OTHER, "60s").close();
    assertThat(losses).isEmpty();
  }

  @Test
  void anAbandonedLeaseKeepsOthersOut() {
    take(ONE, "60s").abandon();

    assertThatExceptionOfType(JournalException.class).isThrownBy(() -> take(OTHER, "60s"));
    assertThat(losses).isEmpty();
  }

  @Test
  void theFounderThatComesBackTakesItsKeyspaceOverAtOnceAndTheEarlierIncarnationIsTold() {
    try (KeyspaceLease earlier = take(ONE, "4s");
        KeyspaceLease later = take(ONE, "60s")) {
      await().atMost(PATIENCE).until(() -> !losses.isEmpty());
      assertThat(losses).hasSize(1);
      assertThat(losses.get(0)).contains("is no longer ours: it was taken over by one ");
      assertThat(earlier).isNotSameAs(later);
    }
    // what the earlier one did at its end left the later one's claim to that one
    take(OTHER, "60s").close();
  }

  @Test
  void aNodeThatJoinsRenewsForTheClusterAndItsFounderNoLongerTakesOver() {
    KeyspaceLease founder = take(ONE, "4s");
    try (KeyspaceLease joined = share(founder.incarnation(), "4s")) {
      long ttl = Duration.ofSeconds(4).toNanos();
      long begin = System.nanoTime();
      await().atMost(PATIENCE).until(() -> System.nanoTime() - begin > 2 * ttl);
      // both renew the one row
      assertThat(losses).isEmpty();
      founder.abandon();
      long dead = System.nanoTime();
      await().atMost(PATIENCE).until(() -> System.nanoTime() - dead > 2 * ttl);
      assertThat(losses).isEmpty();
      assertThatExceptionOfType(JournalException.class)
          .as("the founder's own node, while another one of its cluster lives")
          .isThrownBy(() -> take(ONE, "4s"))
          .withMessageContaining(joined.incarnation().toString());
    }
    // the last one gave it free
    take(OTHER, "60s").close();
  }

  @Test
  void theFounderFreesAKeyspaceThatAnotherNodeSharedSinceItsLastRenewal() {
    KeyspaceLease founder = take(ONE, "60s"); // renews each 15 s
    share(founder.incarnation(), "60s").abandon();

    founder.close();
    take(OTHER, "60s").close();
  }

  @Test
  void nobodySharesWhatItsClusterDoesNotHold() {
    assertThatExceptionOfType(JournalException.class)
        .isThrownBy(() -> share(UUID.randomUUID(), "60s"))
        .withMessageContaining("is not held by the cluster that was joined");
    try (KeyspaceLease lease = take(ONE, "60s")) {
      assertThatExceptionOfType(JournalException.class)
          .isThrownBy(() -> share(UUID.randomUUID(), "60s"))
          .withMessageContaining("is in use by the cluster 'one' of ");
      assertThat(lease).isNotNull();
    }
    assertThat(losses).isEmpty();
  }

  @Test
  void aDeadClustersKeyspaceIsFreeWhenItsLeaseHasExpired() {
    execute(
        "INSERT INTO parley.parley_schema (name, value) VALUES ('owner', 'dead "
            + UUID.randomUUID()
            + " "
            + UUID.randomUUID()
            + " host') USING TTL 4");
    assertThatExceptionOfType(JournalException.class).isThrownBy(() -> take(ONE, "60s"));

    await()
        .atMost(PATIENCE)
        .ignoreExceptionsInstanceOf(JournalException.class)
        .untilAsserted(() -> take(ONE, "60s").close());
  }

  @Test
  void aLeaseOutlivesItsTimeWhileItIsRenewed() {
    try (KeyspaceLease lease = take(ONE, "4s")) {
      long ttl = Duration.ofSeconds(4).toNanos();
      long begin = System.nanoTime();
      await().atMost(PATIENCE).until(() -> System.nanoTime() - begin > 2 * ttl);
      assertThat(losses).isEmpty();
      assertThatExceptionOfType(JournalException.class).isThrownBy(() -> take(OTHER, "4s"));
      assertThat(lease).isNotNull();
    }
  }

  @Test
  void aCassandraThatIsAwayForTheWholeTimeIsALoss(@TempDir Path folder) {
    RunningCassandra another = RunningCassandra.start(folder);
    KeyspaceLease lease;
    try (another) {
      lease =
          KeyspaceLease.take(
              external(another.withSchema(), "4s"),
              another.process().endpoint(),
              ONE,
              PATIENCE,
              losses::add);
    }
    try (lease) {
      await().atMost(PATIENCE).until(() -> !losses.isEmpty());
      assertThat(losses).hasSize(1);
      assertThat(losses.get(0)).contains("could not be renewed for 4 s");
    }
  }

  private KeyspaceLease take(Holder holder, String ttl) {
    return KeyspaceLease.take(
        external(cassandra, ttl), cassandra.process().endpoint(), holder, PATIENCE, losses::add);
  }

  private KeyspaceLease share(UUID incarnation, String ttl) {
    return KeyspaceLease.share(
        external(cassandra, ttl),
        cassandra.process().endpoint(),
        incarnation,
        PATIENCE,
        losses::add);
  }

  private static JournalSettings external(RunningCassandra cassandra, String ttl) {
    JournalEndpoint endpoint = cassandra.process().endpoint();
    return RunningCassandra.settings(
        "contact-points = [\""
            + endpoint.contactPoints().get(0)
            + "\"], local-datacenter = "
            + endpoint.localDatacenter()
            + ", consistency = ONE, lease-ttl = "
            + ttl);
  }

  private static void execute(String cql) {
    try (CqlSession session =
        JournalConnection.open(
            cassandra.settings(),
            cassandra.process().endpoint(),
            System.nanoTime() + PATIENCE.toNanos())) {
      session.execute(cql);
    }
  }
}
