package io.parley.persistence;

import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.ResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import io.parley.persistence.JournalTables.ExistingTable;
import io.parley.persistence.JournalTables.Table;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and verifies the journal's keyspaces and tables, before the actor system exists: Akka's
 * plugin remembers a statement that failed to prepare for ever.
 *
 * <p>Any number of nodes may do so at once. The tables are made under a lock, a row written with a
 * lightweight transaction that expires by itself if its owner dies. The table of the lock is made
 * without one; it has a fixed id, so that making it twice at once makes the same table.
 */
public final class JournalSchema {
  private static final Logger LOG = LoggerFactory.getLogger(JournalSchema.class);

  private static final String META_TABLE = "parley_schema";
  private static final String LOCK = "lock";
  private static final String JOURNAL_ID = "journal-id";
  private static final String EVENTS_PER_PARTITION = "events-per-partition";
  private static final int LOCK_SECONDS = 60;
  private static final long POLL_MILLIS = 200;

  private final JournalSettings settings;
  private final JournalSettings.Schema schema;

  private JournalSchema(JournalSettings settings) {
    this.settings = settings;
    this.schema = settings.effectiveSchema();
  }

  /**
   * Makes sure that the journal can be used, and returns when all nodes of Cassandra agree on it.
   *
   * @param patience how long to try to reach the cluster, and to wait for another node that is
   *     creating the tables
   * @return the journal's id, which stays with it: another Cassandra, or another keyspace, has
   *     another one
   * @throws JournalException if the cluster cannot be reached, a table is missing and may not be
   *     created, or what exists does not fit
   */
  public static UUID ensure(JournalSettings settings, JournalEndpoint endpoint, Duration patience) {
    long deadline = System.nanoTime() + patience.toNanos();
    try (CqlSession session = JournalConnection.open(settings, endpoint, deadline)) {
      return new JournalSchema(settings).ensure(session, deadline);
    } catch (DriverException e) {
      throw JournalConnection.explain("the journal's tables cannot be prepared", endpoint, e);
    }
  }

  private UUID ensure(CqlSession session, long deadline) {
    Map<String, ExistingTable> existing = existing(session);
    List<String> missing = missing(existing);
    if (!missing.isEmpty()) {
      if (!schema.create()) {
        throw new JournalException(
            "the journal lacks "
                + String.join(", ", missing)
                + " and parley.journal.create-schema is off; create them or switch it on");
      }
      create(session, deadline);
      existing = existing(session);
    }
    List<String> problems = mismatches(existing);
    if (!problems.isEmpty()) {
      throw new JournalException(
          "the keyspace "
              + schema.keyspace()
              + " exists but is not a journal of this version: "
              + problems.get(0)
              + "; choose another name in parley.journal.keyspace");
    }
    checkEventsPerPartition(session);
    return UUID.fromString(keepFirst(session, JOURNAL_ID, UUID.randomUUID().toString()));
  }

  private void create(CqlSession session, long deadline) {
    LOG.info("Creating the journal's tables in keyspace {}", schema.keyspace());
    execute(session, createKeyspace(schema.keyspace()));
    execute(session, createKeyspace(schema.snapshotKeyspace()));
    execute(
        session,
        "CREATE TABLE IF NOT EXISTS "
            + meta()
            + " (name text PRIMARY KEY, value text) WITH id = "
            + metaTableId());
    awaitAgreement(session);
    String owner = UUID.randomUUID().toString();
    lock(session, owner, deadline);
    try {
      JournalTables.JOURNAL.forEach(t -> execute(session, t.create(schema.keyspace())));
      JournalTables.OWN.forEach(t -> execute(session, t.create(schema.keyspace())));
      JournalTables.SNAPSHOT.forEach(t -> execute(session, t.create(schema.snapshotKeyspace())));
      awaitAgreement(session);
    } finally {
      unlock(session, owner);
    }
  }

  private static void execute(CqlSession session, String cql) {
    // one coordinator may take long to tell all others
    session.execute(SimpleStatement.newInstance(cql).setTimeout(Duration.ofSeconds(60)));
  }

  private static void awaitAgreement(CqlSession session) {
    if (!session.checkSchemaAgreement()) {
      throw new JournalException(
          "the nodes of Cassandra do not agree on the schema; look at nodetool describecluster");
    }
  }

  private void lock(CqlSession session, String owner, long deadline) {
    while (true) {
      ResultSet result =
          session.execute(
              SimpleStatement.newInstance(
                  "INSERT INTO "
                      + meta()
                      + " (name, value) VALUES (?, ?) IF NOT EXISTS USING TTL "
                      + LOCK_SECONDS,
                  LOCK,
                  owner));
      if (result.wasApplied()) {
        return;
      }
      if (System.nanoTime() - deadline > 0) {
        throw new JournalException(
            "another node has been creating the journal's tables for too long; start again");
      }
      pause();
    }
  }

  private void unlock(CqlSession session, String owner) {
    try {
      session.execute(
          SimpleStatement.newInstance(
              "DELETE FROM " + meta() + " WHERE name = ? IF value = ?", LOCK, owner));
    } catch (DriverException e) {
      LOG.warn("The lock of the journal's tables stays for {} s: {}", LOCK_SECONDS, e.getMessage());
    }
  }

  /** A partition size that changes would hide events that are stored; so the first one is kept. */
  private void checkEventsPerPartition(CqlSession session) {
    String wanted = Integer.toString(settings.eventsPerPartition());
    String stored = keepFirst(session, EVENTS_PER_PARTITION, wanted);
    if (!wanted.equals(stored)) {
      throw new JournalException(
          "parley.journal.events-per-partition is "
              + wanted
              + " but this journal was begun with "
              + stored
              + ", which can never change; set it back to "
              + stored);
    }
  }

  /** What the row of this name says; {@code value}, if nobody has written it before. */
  private String keepFirst(CqlSession session, String name, String value) {
    Row known =
        session
            .execute(
                SimpleStatement.newInstance(
                    "SELECT value FROM " + meta() + " WHERE name = ?", name))
            .one();
    if (known != null) {
      return String.valueOf(known.getString("value"));
    }
    Row before =
        session
            .execute(
                SimpleStatement.newInstance(
                    "INSERT INTO " + meta() + " (name, value) VALUES (?, ?) IF NOT EXISTS",
                    name,
                    value))
            .one();
    return before == null || before.getBoolean("[applied]")
        ? value
        : String.valueOf(before.getString("value"));
  }

  private List<String> missing(Map<String, ExistingTable> existing) {
    List<String> wanted = new ArrayList<>(places().keySet());
    wanted.add(meta());
    wanted.removeAll(existing.keySet());
    return wanted;
  }

  private List<String> mismatches(Map<String, ExistingTable> existing) {
    return places().entrySet().stream()
        .flatMap(
            place ->
                Optional.ofNullable(existing.get(place.getKey()))
                    .map(table -> place.getValue().mismatch(table))
                    .orElse(Optional.of("table " + place.getKey() + " is missing"))
                    .stream())
        .toList();
  }

  /** All tables that must be there, by their full names. */
  private Map<String, Table> places() {
    Map<String, Table> places = new TreeMap<>();
    JournalTables.JOURNAL.forEach(t -> places.put(schema.keyspace() + "." + t.name(), t));
    JournalTables.OWN.forEach(t -> places.put(schema.keyspace() + "." + t.name(), t));
    JournalTables.SNAPSHOT.forEach(t -> places.put(schema.snapshotKeyspace() + "." + t.name(), t));
    return places;
  }

  /** What there is, read by one query for each keyspace: the driver's own reading takes dozens. */
  private Map<String, ExistingTable> existing(CqlSession session) {
    Map<String, ExistingTable> tables = new HashMap<>();
    for (String keyspace : List.of(schema.keyspace(), schema.snapshotKeyspace())) {
      Map<String, List<Row>> columns = new HashMap<>();
      session
          .execute(
              SimpleStatement.newInstance(
                  "SELECT table_name, column_name, kind, position, type FROM system_schema.columns"
                      + " WHERE keyspace_name = ?",
                  keyspace))
          .forEach(
              row ->
                  columns
                      .computeIfAbsent(row.getString("table_name"), t -> new ArrayList<>())
                      .add(row));
      columns.forEach((name, rows) -> tables.put(keyspace + "." + name, table(rows)));
    }
    return tables;
  }

  private static ExistingTable table(List<Row> columns) {
    Map<String, String> types = new HashMap<>();
    Map<Integer, String> partition = new TreeMap<>();
    Map<Integer, String> clustering = new TreeMap<>();
    for (Row row : columns) {
      String name = row.getString("column_name");
      types.put(name, row.getString("type"));
      String kind = String.valueOf(row.getString("kind"));
      if (kind.equals("partition_key")) {
        partition.put(row.getInt("position"), name);
      } else if (kind.equals("clustering")) {
        clustering.put(row.getInt("position"), name);
      }
    }
    return new ExistingTable(
        types, List.copyOf(partition.values()), List.copyOf(clustering.values()));
  }

  private String meta() {
    return metaTable(settings);
  }

  /** Fixed, and another one in each keyspace: Cassandra knows its tables by their ids alone. */
  private UUID metaTableId() {
    return UUID.nameUUIDFromBytes(meta().getBytes(StandardCharsets.UTF_8));
  }

  /** Parley's own table in the journal's keyspace: few rows, each changed by one statement. */
  static String metaTable(JournalSettings settings) {
    return settings.effectiveSchema().keyspace() + "." + META_TABLE;
  }

  String createKeyspace(String keyspace) {
    StringBuilder replication = new StringBuilder("'class': '" + schema.strategy() + "'");
    if (schema.strategy().equals("SimpleStrategy")) {
      replication.append(", 'replication_factor': ").append(schema.factor());
    }
    for (String copies : schema.dataCenters()) {
      int colon = copies.lastIndexOf(':');
      replication
          .append(", '")
          .append(copies, 0, colon)
          .append("': ")
          .append(copies.substring(colon + 1));
    }
    return "CREATE KEYSPACE IF NOT EXISTS "
        + keyspace
        + " WITH REPLICATION = {"
        + replication
        + "}";
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted while waiting for the journal's tables", e);
    }
  }
}
