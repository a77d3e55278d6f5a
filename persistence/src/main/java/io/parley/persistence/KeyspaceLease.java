package io.parley.persistence;

import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DriverException;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The claim of one cluster on the journal's keyspace: a row that expires by itself, written and
 * renewed with lightweight transactions. The journal has no fence of its own, so two clusters on
 * one keyspace would both write the same sessions.
 *
 * <p>The row names the cluster, its incarnation (new each time a cluster is formed) and the node
 * that formed it. That node, when it comes back, knows that its earlier cluster is gone and takes
 * the row over at once; everyone else waits until it has expired. See
 * docs/decisions/one-cluster-owns-a-keyspace.md.
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
  private final String value;
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
      String value,
      LeaseClock clock,
      Consumer<String> onLost) {
    this.settings = settings;
    this.endpoint = endpoint;
    this.session = session;
    this.value = value;
    this.clock = clock;
    this.onLost = onLost;
  }

  /**
   * Takes the keyspace, whose tables must exist, and keeps it until {@link #close()}.
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
    String value =
        String.join(
            " ",
            holder.cluster(),
            UUID.randomUUID().toString(),
            holder.founder().toString(),
            hostName());
    CqlSession session =
        JournalConnection.open(settings, endpoint, System.nanoTime() + patience.toNanos());
    try {
      LeaseClock clock =
          new LeaseClock(settings.leaseTtl(), claim(session, settings, holder, value));
      KeyspaceLease lease = new KeyspaceLease(settings, endpoint, session, value, clock, onLost);
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

  /** Returns when the successful try began, before any expiry that Cassandra counts. */
  private static long claim(
      CqlSession session, JournalSettings settings, Holder holder, String value) {
    String table = JournalSchema.metaTable(settings);
    int seconds = (int) settings.leaseTtl().toSeconds();
    for (int attempt = 1; attempt <= TRIES_MAX; attempt++) {
      long beganNanos = System.nanoTime();
      Row inserted =
          session
              .execute(
                  SimpleStatement.newInstance(
                      "INSERT INTO "
                          + table
                          + " (name, value) VALUES (?, ?) IF NOT EXISTS USING TTL "
                          + seconds,
                      ROW,
                      value))
              .one();
      if (inserted == null || inserted.getBoolean("[applied]")) {
        return beganNanos;
      }
      String other = String.valueOf(inserted.getString("value"));
      // a write that was done although its answer was lost
      if (!other.equals(value) && !founderOf(other).equals(holder.founder().toString())) {
        throw new JournalException(refusal(settings, other));
      }
      beganNanos = System.nanoTime();
      if (session.execute(replace(settings, other, value)).wasApplied()) {
        return beganNanos;
      }
      // it has expired or changed in between
    }
    throw new JournalException(
        "the keyspace "
            + settings.schema().keyspace()
            + " changes hands all the time; start again");
  }

  private static SimpleStatement replace(JournalSettings settings, String from, String to) {
    return SimpleStatement.newInstance(
        "UPDATE "
            + JournalSchema.metaTable(settings)
            + " USING TTL "
            + settings.leaseTtl().toSeconds()
            + " SET value = ? WHERE name = ? IF value = ?",
        to,
        ROW,
        from);
  }

  private static String founderOf(String value) {
    String[] words = value.split(" ", -1);
    return words.length == 4 ? words[2] : "";
  }

  private static String refusal(JournalSettings settings, String other) {
    String[] words = other.split(" ", -1);
    String who =
        words.length == 4
            ? "the cluster '" + words[0] + "' of " + words[3] + " (incarnation " + words[1] + ")"
            : other;
    return "the keyspace "
        + settings.schema().keyspace()
        + " is in use by "
        + who
        + ": stop it, or choose another parley.journal.keyspace; if it died, start again in "
        + settings.leaseTtl().toSeconds()
        + " s";
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
    SimpleStatement renewal = replace(settings, value, value).setIdempotent(true);
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
                    Row row = result.one();
                    lost(
                        row == null || !row.getColumnDefinitions().contains("value")
                            ? "its lease has expired"
                            : "it was taken over by " + row.getString("value"));
                  }
                },
                renewals);
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

  /** Ends the renewals while something may still write: it is free when the lease expires. */
  public void abandon() {
    renewals.shutdownNow();
    session.close();
  }

  /** Gives the keyspace free; should that fail, it is free when the lease expires. */
  @Override
  public void close() {
    renewals.shutdownNow();
    try {
      session.execute(
          SimpleStatement.newInstance(
                  "DELETE FROM "
                      + JournalSchema.metaTable(settings)
                      + " WHERE name = ? IF value = ?",
                  ROW,
                  value)
              .setTimeout(CLOSE_TIMEOUT));
    } catch (DriverException e) {
      LOG.warn("The keyspace's lease stays until it expires: {}", e.getMessage());
    } finally {
      session.close();
    }
  }
}
