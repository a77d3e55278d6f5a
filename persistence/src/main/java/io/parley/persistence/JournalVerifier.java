package io.parley.persistence;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import io.parley.persistence.chain.ChainCheck;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.Checkpoint;
import io.parley.persistence.chain.CheckpointKeys;
import io.parley.persistence.chain.Hash;
import io.parley.persistence.chain.RawRow;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Checks the chains of entities in the tables, as they are stored, without waking anybody. It holds
 * a page of rows at a time, and a thousand checkpoints.
 */
public final class JournalVerifier {
  private static final int PAGE_ROWS = 100;

  /** Each covers all before it, so the newest are enough. */
  private static final int CHECKPOINTS = 1000;

  /** So many partitions without a row are passed over: Parley leaves none empty. */
  private static final int EMPTY_PARTITIONS = 2;

  private final ActorSystem<?> system;
  private final PluginSession session;
  private final CheckpointKeys keys;
  private final String rows;
  private final String anyRow;
  private final String checkpoints;
  private final String journals;
  private final String signedJournals;

  public JournalVerifier(ActorSystem<?> system, CheckpointKeys keys) {
    this.system = system;
    this.session = new PluginSession(system);
    this.keys = keys;
    String messages = session.table("messages");
    String where = " WHERE persistence_id = ? AND partition_nr = ?";
    this.rows =
        "SELECT sequence_nr, timestamp, writer_uuid, ser_id, ser_manifest, event FROM "
            + messages
            + where;
    this.anyRow = "SELECT sequence_nr FROM " + messages + where + " LIMIT 1";
    this.journals = "SELECT DISTINCT persistence_id, partition_nr FROM " + messages;
    String table = session.table(JournalTables.CHECKPOINTS.name());
    this.checkpoints =
        "SELECT persistence_id, sequence_nr, head, at, key_id, signature FROM "
            + table
            + " WHERE persistence_id = ? ORDER BY sequence_nr DESC LIMIT "
            + CHECKPOINTS;
    this.signedJournals = "SELECT DISTINCT persistence_id FROM " + table;
  }

  /** Checks one entity's journal. */
  public CompletionStage<ChainReport> verify(String persistenceId) {
    // before the rows: an event that a checkpoint covers is stored when the checkpoint is
    return select(checkpoints, persistenceId)
        .map(JournalVerifier::checkpoint)
        .runWith(Sink.seq(), system)
        .thenCompose(signed -> verify(persistenceId, signed));
  }

  private CompletionStage<ChainReport> verify(String persistenceId, List<Checkpoint> signed) {
    ChainCheck check = new ChainCheck(persistenceId, keys, signed);
    Superseded<RawRow> superseded =
        new Superseded<>(1, RawRow::sequence, RawRow::writer, check::displaced);
    long signedPartition =
        signed.stream()
            .mapToLong(one -> (one.sequence() - 1) / session.partitionSize())
            .max()
            .orElse(0);
    return new Partitions(persistenceId, signedPartition)
        .from(0)
        .runForeach(row -> superseded.next(row).ifPresent(check::event), system)
        .thenApply(
            done -> {
              superseded.last().ifPresent(check::event);
              return check.end();
            });
  }

  /**
   * Checks all journals there are, one after another, in no order that means anything: those that
   * have rows, and those of which only a checkpoint is left.
   */
  public Source<ChainReport, NotUsed> verifyAll() {
    return select(journals)
        .mapAsync(1, row -> beginsHere(persistenceId(row), row.getLong("partition_nr")))
        .concatLazy(select(signedJournals).mapAsync(1, row -> withoutRows(persistenceId(row))))
        .mapConcat(found -> found.map(List::of).orElseGet(List::of))
        .mapAsync(1, this::verify);
  }

  /** A journal has a row here for each partition: it is met where a run of them begins. */
  private CompletionStage<Optional<String>> beginsHere(String persistenceId, long partition) {
    return partition == 0
        ? CompletableFuture.completedFuture(Optional.of(persistenceId))
        : isEmpty(persistenceId, partition - 1)
            .thenApply(empty -> empty ? Optional.of(persistenceId) : Optional.empty());
  }

  private CompletionStage<Optional<String>> withoutRows(String persistenceId) {
    return isEmpty(persistenceId, 0)
        .thenApply(empty -> empty ? Optional.of(persistenceId) : Optional.empty());
  }

  private CompletionStage<Boolean> isEmpty(String persistenceId, long partition) {
    return select(anyRow, persistenceId, partition)
        .runWith(Sink.headOption(), system)
        .thenApply(Optional::isEmpty);
  }

  /** The rows of one entity, partition by partition. */
  private final class Partitions {
    private final String persistenceId;
    private final long signed;
    private long lastWithRows; // of the stream, which is one thing at a time

    Partitions(String persistenceId, long signed) {
      this.persistenceId = persistenceId;
      this.signed = signed;
    }

    Source<RawRow, NotUsed> from(long partition) {
      return select(rows, persistenceId, partition)
          .map(
              row -> {
                lastWithRows = partition;
                return raw(row);
              })
          .concatLazy(
              Source.lazySource(
                  () ->
                      partition < Math.max(signed, lastWithRows + EMPTY_PARTITIONS)
                          ? from(partition + 1)
                          : Source.<RawRow>empty()));
    }
  }

  private Source<Row, NotUsed> select(String cql, Object... values) {
    return session.select(PAGE_ROWS, cql, values);
  }

  private static String persistenceId(Row row) {
    return String.valueOf(row.getString("persistence_id"));
  }

  /** A row without what every row has is as good as one that was altered. */
  private static RawRow raw(Row row) {
    var timestamp = row.getUuid("timestamp");
    return new RawRow(
        row.getLong("sequence_nr"),
        String.valueOf(row.getString("writer_uuid")),
        timestamp == null ? 0 : Uuids.unixTimestamp(timestamp),
        row.getInt("ser_id"),
        String.valueOf(row.getString("ser_manifest")),
        bytes(row, "event"));
  }

  private static Checkpoint checkpoint(Row row) {
    byte[] head = bytes(row, "head");
    return new Checkpoint(
        persistenceId(row),
        row.getLong("sequence_nr"),
        Hash.of(head.length == Hash.BYTES ? head : new byte[Hash.BYTES]), // no signature fits that
        row.getLong("at"),
        Objects.requireNonNullElse(row.getString("key_id"), ""),
        bytes(row, "signature"));
  }

  private static byte[] bytes(Row row, String column) {
    ByteBuffer value = row.getByteBuffer(column);
    if (value == null) {
      return new byte[0];
    }
    byte[] bytes = new byte[value.remaining()];
    value.duplicate().get(bytes);
    return bytes;
  }
}
