package io.parley.persistence;

import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The journal as it is stored, row by row, for programs that check it from outside: two writers of
 * one entity show in it even where a replay would choose between them.
 */
public final class JournalRows implements AutoCloseable {
  private final CqlSession session;
  private final JournalEndpoint endpoint;
  private final String table;

  private JournalRows(CqlSession session, JournalEndpoint endpoint, String table) {
    this.session = session;
    this.endpoint = endpoint;
    this.table = table;
  }

  /**
   * One stored event.
   *
   * @param sequenceNr its place in the entity's history; two writers may have given it to two rows
   * @param writer of which incarnation of the entity it is
   * @param storedAtMillis when that wrote it, by its clock
   */
  public record StoredRow(long sequenceNr, String writer, long storedAtMillis) {}

  /**
   * Connects to a journal that exists.
   *
   * @throws JournalException when it does not answer in time
   */
  public static JournalRows open(
      JournalSettings settings, JournalEndpoint endpoint, Duration patience) {
    return new JournalRows(
        JournalConnection.open(settings, endpoint, System.nanoTime() + patience.toNanos()),
        endpoint,
        settings.effectiveSchema().keyspace() + ".messages");
  }

  /**
   * All rows of an entity, in their order.
   *
   * @throws JournalException when the journal does not answer
   */
  public List<StoredRow> rows(String persistenceId) {
    List<StoredRow> rows = new ArrayList<>();
    try {
      for (long partition = 0; ; partition++) {
        int before = rows.size();
        for (Row row :
            session.execute(
                SimpleStatement.newInstance(
                    "SELECT sequence_nr, writer_uuid, timestamp FROM "
                        + table
                        + " WHERE persistence_id = ? AND partition_nr = ?",
                    persistenceId,
                    partition))) {
          rows.add(
              new StoredRow(
                  row.getLong("sequence_nr"),
                  row.getString("writer_uuid"),
                  Uuids.unixTimestamp(row.getUuid("timestamp"))));
        }
        if (rows.size() == before && partition > 0) { // events stored together may skip the first
          return rows;
        }
      }
    } catch (DriverException e) {
      throw JournalConnection.explain("the journal cannot be read", endpoint, e);
    }
  }

  @Override
  public void close() {
    session.close();
  }
}
