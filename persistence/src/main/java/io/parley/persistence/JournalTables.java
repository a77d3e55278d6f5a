package io.parley.persistence;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The tables of Akka's Cassandra plugin, version 1.1.1, as data, so that they can be created before
 * there is an actor system and compared with what exists. A test holds them against the statements
 * that the plugin itself would run.
 */
final class JournalTables {
  private static final String COMPACTION =
      "{'class': 'SizeTieredCompactionStrategy', 'enabled': true, 'tombstone_compaction_interval':"
          + " 86400, 'tombstone_threshold': 0.2, 'unchecked_tombstone_compaction': false,"
          + " 'bucket_high': 1.5, 'bucket_low': 0.5, 'max_threshold': 32, 'min_threshold': 4,"
          + " 'min_sstable_size': 50}";
  private static final String STORE_OPTIONS =
      " gc_grace_seconds = 864000 AND compaction = " + COMPACTION;

  private static final String EVENT =
      "ser_id int, ser_manifest text, event_manifest text, event blob,"
          + " meta_ser_id int, meta_ser_manifest text, meta blob";

  static final List<Table> JOURNAL =
      List.of(
          table(
              "messages",
              "persistence_id text, partition_nr bigint, sequence_nr bigint, timestamp timeuuid,"
                  + " timebucket text, writer_uuid text, "
                  + EVENT
                  + ", tags set<text>",
              List.of("persistence_id", "partition_nr"),
              List.of("sequence_nr", "timestamp"),
              STORE_OPTIONS),
          table(
              "tag_views",
              "tag_name text, persistence_id text, sequence_nr bigint, timebucket bigint,"
                  + " timestamp timeuuid, tag_pid_sequence_nr bigint, writer_uuid text, "
                  + EVENT,
              List.of("tag_name", "timebucket"),
              List.of("timestamp", "persistence_id", "tag_pid_sequence_nr"),
              STORE_OPTIONS),
          table(
              "tag_write_progress",
              "persistence_id text, tag text, sequence_nr bigint, tag_pid_sequence_nr bigint,"
                  + " offset timeuuid",
              List.of("persistence_id"),
              List.of("tag"),
              ""),
          table(
              "tag_scanning",
              "persistence_id text, sequence_nr bigint",
              List.of("persistence_id"),
              List.of(),
              ""),
          table(
              "metadata",
              "persistence_id text, deleted_to bigint, properties map<text,text>",
              List.of("persistence_id"),
              List.of(),
              ""),
          table(
              "all_persistence_ids",
              "persistence_id text",
              List.of("persistence_id"),
              List.of(),
              ""));

  static final List<Table> SNAPSHOT =
      List.of(
          table(
              "snapshots",
              "persistence_id text, sequence_nr bigint, timestamp bigint, ser_id int,"
                  + " ser_manifest text, snapshot_data blob, snapshot blob, meta_ser_id int,"
                  + " meta_ser_manifest text, meta blob",
              List.of("persistence_id"),
              List.of("sequence_nr"),
              " CLUSTERING ORDER BY (sequence_nr DESC) AND" + STORE_OPTIONS));

  /**
   * What Parley itself keeps beside the plugin's tables: the turns that run. Rows come and go with
   * each turn, so deletions are flushed and forgotten soon; one that comes back is harmless.
   */
  static final Table RUNNING_TURNS =
      table(
          "running_turns",
          "slice int, session text, turn int",
          List.of("slice"),
          List.of("session", "turn"),
          " gc_grace_seconds = 3600 AND memtable_flush_period_in_ms = 600000");

  /** Signed heads of chains, one for each turn's end: see {@link CassandraCheckpoints}. */
  static final Table CHECKPOINTS =
      table(
          "checkpoints",
          "persistence_id text, sequence_nr bigint, head blob, at bigint, key_id text,"
              + " signature blob",
          List.of("persistence_id"),
          List.of("sequence_nr"),
          "");

  /** All of Parley's own tables beside the plugin's. */
  static final List<Table> OWN = List.of(RUNNING_TURNS, CHECKPOINTS);

  private JournalTables() {}

  private static Table table(
      String name, String columns, List<String> partition, List<String> clustering, String with) {
    Map<String, String> types = new LinkedHashMap<>();
    for (String column : columns.split(", ", -1)) {
      String[] nameAndType = column.split(" ", -1);
      types.put(nameAndType[0], nameAndType[1]);
    }
    return new Table(name, types, partition, clustering, with);
  }

  /**
   * One table.
   *
   * @param columns name to CQL type, in the order of creation
   * @param with table options, or empty
   */
  record Table(
      String name,
      Map<String, String> columns,
      List<String> partition,
      List<String> clustering,
      String with) {

    String create(String keyspace) {
      StringBuilder cql =
          new StringBuilder("CREATE TABLE IF NOT EXISTS " + keyspace + "." + name + " (");
      columns.forEach((column, type) -> cql.append(column).append(' ').append(type).append(", "));
      cql.append("PRIMARY KEY ((").append(String.join(", ", partition)).append(')');
      clustering.forEach(column -> cql.append(", ").append(column));
      cql.append("))");
      return with.isEmpty() ? cql.toString() : cql + " WITH" + with;
    }

    /** What is wrong with a table of this name that exists; empty: it can be used. */
    Optional<String> mismatch(ExistingTable existing) {
      if (!existing.partition().equals(partition) || !existing.clustering().equals(clustering)) {
        return Optional.of("table " + name + " has another primary key");
      }
      for (Map.Entry<String, String> column : columns.entrySet()) {
        String expected = column.getValue();
        String type = existing.columns().getOrDefault(column.getKey(), "none");
        if (!type.replace(" ", "").equals(expected)) {
          return Optional.of(
              "table " + name + " has no column " + column.getKey() + " of type " + expected);
        }
      }
      return Optional.empty();
    }
  }

  /** A table as Cassandra describes it; columns that are not ours may be among them. */
  record ExistingTable(
      Map<String, String> columns, List<String> partition, List<String> clustering) {}
}
