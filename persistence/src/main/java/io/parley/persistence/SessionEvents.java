package io.parley.persistence;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.japi.Pair;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.stream.javadsl.Source;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Reads an entity's history straight from the journal, without waking the entity: for event
 * histories, exports and audits. It sees what the entity's own replay sees: rows that {@link
 * Superseded} leaves out are in the table and no events.
 */
public final class SessionEvents {
  /** Rows in a page: an event holds a few tokens, or a whole prompt. */
  private static final int PAGE_ROWS = 100;

  private final PluginSession session;
  private final Serialization serialization;
  private final String query;

  public SessionEvents(ActorSystem<?> system) {
    this.session = new PluginSession(system);
    this.serialization = SerializationExtension.get(system);
    this.query =
        "SELECT sequence_nr, timestamp, writer_uuid, ser_id, ser_manifest, event FROM "
            + session.table("messages")
            + " WHERE persistence_id = ? AND partition_nr = ? AND sequence_nr >= ?"
            + " AND sequence_nr <= ?";
  }

  /**
   * The events that are stored now, in order; the stream ends with the last of them. It reads page
   * by page as it is drained, and fails if the journal is away or an event cannot be decoded.
   *
   * @param fromSequenceNr first one wanted, from 1
   * @param toSequenceNr last one wanted; {@link Long#MAX_VALUE} for all
   */
  public Source<JournaledEvent, NotUsed> events(
      String persistenceId, long fromSequenceNr, long toSequenceNr) {
    long from = Superseded.from(fromSequenceNr);
    long first = (from - 1) / session.partitionSize();
    return new Rows(persistenceId, from, toSequenceNr, first)
        .from(first)
        .statefulMap(
            () -> new Superseded<Row>(fromSequenceNr, SessionEvents::number, SessionEvents::writer),
            (superseded, row) -> Pair.create(superseded, superseded.next(row)),
            superseded -> Optional.of(superseded.last()))
        .mapConcat(row -> row.map(List::of).orElseGet(List::of))
        .map(row -> journaled(persistenceId, row));
  }

  /** The rows of one entity, partition by partition. */
  private final class Rows {
    private final String persistenceId;
    private final long from;
    private final long to;
    private final long first;

    Rows(String persistenceId, long from, long to, long first) {
      this.persistenceId = persistenceId;
      this.from = from;
      this.to = to;
      this.first = first;
    }

    /** Events that are stored together are in one partition, the first perhaps in the next. */
    Source<Row, NotUsed> from(long partition) {
      AtomicBoolean any = new AtomicBoolean(partition == first);
      return in(partition)
          .map(
              row -> {
                any.set(true);
                return row;
              })
          .concatLazy(
              Source.lazySource(() -> any.get() ? from(partition + 1) : Source.<Row>empty()));
    }

    private Source<Row, NotUsed> in(long partition) {
      return session.select(PAGE_ROWS, query, persistenceId, partition, from, to);
    }
  }

  private JournaledEvent journaled(String persistenceId, Row row) {
    ByteBuffer event = Objects.requireNonNull(row.getByteBuffer("event"), "a row without an event");
    byte[] bytes = new byte[event.remaining()];
    event.duplicate().get(bytes);
    return new JournaledEvent(
        persistenceId,
        number(row),
        Uuids.unixTimestamp(Objects.requireNonNull(row.getUuid("timestamp"))),
        serialization
            .deserialize(bytes, row.getInt("ser_id"), String.valueOf(row.getString("ser_manifest")))
            .get());
  }

  private static long number(Row row) {
    return row.getLong("sequence_nr");
  }

  private static String writer(Row row) {
    return String.valueOf(row.getString("writer_uuid"));
  }
}
