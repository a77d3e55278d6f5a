package io.parley.persistence;

import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.ResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The claim of one cluster on the journal's keyspace: a row that expires by itself, written and
 * renewed with lightweight transactions. The journal has no fence of its own, so two clusters on
 * one keyspace would both write the same sessions.
 *
 * <p>The row names the cluster, its incarnation (new each time a cluster is formed) and, while no
 * other may write, the node that formed it. That node, when it comes back, knows that its earlier
 * cluster is gone and takes the row over at once; everyone else waits until it has expired. Every
 * node of the cluster that may write holds the lease and renews the one row, so that each knows by
 * itself until when it may. See docs/decisions/one-cluster-owns-a-keyspace.md.
 */
public final class KeyspaceLease implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(KeyspaceLease.class);
  private static final String ROW = "owner";
  private static final int TRIES_MAX = 10;
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);

  /**
   * Who asks for the keyspace.
   *
   * @param cluster the cluster's name
   * @param founder id of the node that forms it, the same after its restart
   */
  public record Holder(String cluster, UUID founder) {}

  private final JournalSettings settings;
  private final JournalEndpoint endpoint;
  private final CqlSession session;
  private final UUID incarnation;
  private volatile LeaseRow row; // changed by the renewals' thread
  private final Consumer<String> onLost;
  private final ScheduledExecutorService renewals =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "keyspace-lease");
            thread.setDaemon(true);
            return thread;
          });
  private final LeaseClock clock; // of the renewals' thread
  private boolean failing; // of the renewals' thread

  private KeyspaceLease(
      JournalSettings settings,
      JournalEndpoint endpoint,
      CqlSession session,
      LeaseRow row,
      LeaseClock clock,
      Consumer<String> onLost) {
    this.settings = settings;
    this.endpoint = endpoint;
    this.session = session;
    this.incarnation = UUID.fromString(row.incarnation());
    this.row = row;
    this.clock = clock;
    this.onLost = onLost;
  }

  /** A row that was written. */
  private record Written(LeaseRow row, long beganNanos) {}

  /**
   * Takes the keyspace, whose tables must exist, for a cluster that is being formed, and keeps it
   * until {@link #close()}.
   *
   * @param patience how long to try to reach the cluster
   * @param onLost called once, when it could not be renewed for its whole time or another cluster
   *     has it: nothing may be written any more
   * @throws JournalException naming the holder, if another cluster has it
   */
  public static KeyspaceLease take(
      JournalSettings settings,
      JournalEndpoint endpoint,
      Holder holder,
      Duration patience,
      Consumer<String> onLost) {
    LeaseRow row =
        new LeaseRow(
            holder.cluster(),
            UUID.randomUUID().toString(),
            holder.founder().toString(),
            hostName());
    return hold(settings, endpoint, patience, onLost, session -> claim(session, settings, row));
  }

  /**
   * Takes part in the lease of the cluster that this node has joined. From then on the return of
   * its founder no longer proves that the cluster is gone.
   *
   * @param incarnation of that cluster, as its members say
   * @param patience as for {@link #take}
   * @param onLost as for {@link #take}
   * @throws JournalException if that cluster does not hold the keyspace
   */
  public static KeyspaceLease share(
      JournalSettings settings,
      JournalEndpoint endpoint,
      UUID incarnation,
      Duration patience,
      Consumer<String> onLost) {
    return hold(
        settings, endpoint, patience, onLost, session -> join(session, settings, incarnation));
  }

  private static KeyspaceLease hold(
      JournalSettings settings,
      JournalEndpoint endpoint,
      Duration patience,
      Consumer<String> onLost,
      Function<CqlSession, Written> write) {
    CqlSession session =
        JournalConnection.open(settings, endpoint, System.nanoTime() + patience.toNanos());
    try {
      Written written = write.apply(session);
      LeaseClock clock = new LeaseClock(settings.leaseTtl(), written.beganNanos());
      KeyspaceLease lease =
          new KeyspaceLease(settings, endpoint, session, written.row(), clock, onLost);
      lease.renewAgainAndAgain();
      return lease;
    } catch (DriverException e) {
      session.close();
      throw JournalConnection.explain("the journal's keyspace cannot be claimed", endpoint, e);
    } catch (JournalException e) {
      session.close();
      throw e;
    }
  }

  /** Counts from when the successful try began, before any expiry that Cassandra counts. */
  private static Written claim(CqlSession session, JournalSettings settings, LeaseRow own) {
    int seconds = (int) settings.leaseTtl().toSeconds();
    for (int attempt = 1; attempt <= TRIES_MAX; attempt++) {
      long beganNanos = System.nanoTime();
      Row inserted =
          session
              .execute(
                  SimpleStatement.newInstance(
                      "INSERT INTO "
                          + JournalSchema.metaTable(settings)
                          + " (name, value) VALUES (?, ?) IF NOT EXISTS USING TTL "
                          + seconds,
                      ROW,
                      own.value()))
              .one();
      if (inserted == null || inserted.getBoolean("[applied]")) {
        return new Written(own, beganNanos);
      }
      LeaseRow other = LeaseRow.parse(String.valueOf(inserted.getString("value")));
      // a write that was done although its answer was lost
      if (!other.equals(own) && !other.founder().equals(own.founder())) {
        throw new JournalException(refusal(settings, other));
      }
      beganNanos = System.nanoTime();
      if (session.execute(replace(settings, other, own)).wasApplied()) {
        return new Written(own, beganNanos);
      }
      // it has expired or changed in between
    }
    throw changing(settings);
  }

  private static Written join(CqlSession session, JournalSettings settings, UUID incarnation) {
    for (int attempt = 1; attempt <= TRIES_MAX; attempt++) {
      Row found =
          session
              .execute(
                  SimpleStatement.newInstance(
                          "SELECT value FROM "
                              + JournalSchema.metaTable(settings)
                              + " WHERE name = ?",
                          ROW)
                      // sees what a lightweight transaction has written
                      .setConsistencyLevel(DefaultConsistencyLevel.SERIAL))
              .one();
      if (found == null) {
        throw new JournalException(
            "the keyspace "
                + settings.schema().keyspace()
                + " is not held by the cluster that was joined: all nodes of a cluster share one"
                + " journal; check parley.journal.contact-points and keyspace");
      }
      LeaseRow present = LeaseRow.parse(String.valueOf(found.getString("value")));
      if (!present.isOf(incarnation)) {
        throw new JournalException(refusal(settings, present));
      }
      long beganNanos = System.nanoTime();
      if (session.execute(replace(settings, present, present.shared())).wasApplied()) {
        return new Written(present.shared(), beganNanos);
      }
    }
    throw changing(settings);
  }

  private static JournalException changing(JournalSettings settings) {
    return new JournalException(
        "the keyspace "
            + settings.schema().keyspace()
            + " changes hands all the time; start again");
  }

  private static SimpleStatement replace(JournalSettings settings, LeaseRow from, LeaseRow to) {
    return SimpleStatement.newInstance(
        "UPDATE "
            + JournalSchema.metaTable(settings)
            + " USING TTL "
            + settings.leaseTtl().toSeconds()
            + " SET value = ? WHERE name = ? IF value = ?",
        to.value(),
        ROW,
        from.value());
  }

  private static String refusal(JournalSettings settings, LeaseRow other) {
    return "the keyspace "
        + settings.schema().keyspace()
        + " is in use by "
        + other.holder()
        + ": stop it, join it, or choose another parley.journal.keyspace; if it died, start again"
        + " in "
        + settings.leaseTtl().toSeconds()
        + " s";
  }

  /** What the nodes that join must know of the cluster. */
  public UUID incarnation() {
    return incarnation;
  }

  private void renewAgainAndAgain() {
    schedule(this::renew, clock.period());
    schedule(this::watch, settings.leaseTtl());
  }

  private void schedule(Runnable task, Duration delay) {
    if (!renewals.isShutdown()) {
      ScheduledFuture<?> unused = renewals.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
    }
  }

  /** A renewal that hangs must not keep the loss from being noticed, so it is asynchronous. */
  private void renew() {
    long beganNanos = System.nanoTime();
    Duration timeout =
        settings.requestTimeout().compareTo(clock.period()) < 0
            ? settings.requestTimeout()
            : clock.period();
    // the same value again, so the driver may try another node
    SimpleStatement renewal = replace(settings, row, row).setIdempotent(true);
    var unused =
        session
            .executeAsync(renewal.setTimeout(timeout))
            .whenCompleteAsync(
                (result, failure) -> {
                  if (failure != null) {
                    if (!failing) {
                      LOG.warn("The keyspace's lease is not renewed: {}", failure.getMessage());
                    }
                    failing = true;
                    schedule(this::renew, clock.pauseAfterFailure());
                  } else if (result.wasApplied()) {
                    if (failing) {
                      LOG.info("The keyspace's lease is renewed again");
                    }
                    failing = false;
                    clock.renewed(beganNanos);
                    schedule(this::renew, clock.period());
                  } else {
                    refused(result.one());
                  }
                },
                renewals);
  }

  private void refused(Row result) {
    if (result == null || !result.getColumnDefinitions().contains("value")) {
      lost("its lease has expired");
      return;
    }
    String value = String.valueOf(result.getString("value"));
    LeaseRow present = LeaseRow.parse(value);
    if (present.isOf(incarnation)) {
      row = present; // another node of this cluster shares it since
      renew();
    } else {
      lost("it was taken over by " + value);
    }
  }

  private void watch() {
    Duration left = clock.left(System.nanoTime());
    if (left.compareTo(Duration.ZERO) > 0) {
      schedule(this::watch, left);
      return;
    }
    lost(
        "its lease could not be renewed for "
            + settings.leaseTtl().toSeconds()
            + " s: Cassandra at "
            + String.join(", ", endpoint.contactPoints())
            + " does not answer");
  }

  private void lost(String why) {
    if (renewals.isShutdown()) {
      return;
    }
    renewals.shutdownNow();
    onLost.accept("the keyspace " + settings.schema().keyspace() + " is no longer ours: " + why);
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "unknown";
    }
  }

  /**
   * Ends this node's renewals while it, or another node of the cluster, may still write: the
   * keyspace is free when the lease expires.
   */
  public void abandon() {
    renewals.shutdownNow();
    session.close();
  }

  /**
   * Gives the keyspace free, when no node of the cluster may write any more; should that fail, it
   * is free when the lease expires.
   */
  @Override
  public void close() {
    renewals.shutdownNow();
    try {
      Row refusal = delete(row);
      if (refusal != null) {
        LeaseRow present = LeaseRow.parse(String.valueOf(refusal.getString("value")));
        if (present.isOf(incarnation)) {
          delete(present); // another node of this cluster shared it since the last renewal
        }
      }
    } catch (DriverException e) {
      LOG.warn("The keyspace's lease stays until it expires: {}", e.getMessage());
    } finally {
      session.close();
    }
  }

  /** What is there instead, if anything. */
  private Row delete(LeaseRow held) {
    ResultSet result =
        session.execute(
            SimpleStatement.newInstance(
                    "DELETE FROM "
                        + JournalSchema.metaTable(settings)
                        + " WHERE name = ? IF value = ?",
                    ROW,
                    held.value())
                .setTimeout(CLOSE_TIMEOUT));
    Row row = result.wasApplied() ? null : result.one();
    return row != null && row.getColumnDefinitions().contains("value") ? row : null;
  }
}
