package io.parley.persistence;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.javadsl.Source;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletionStage;

/**
 * Who audited what, in a table of the journal's keyspace: a partition for each day, whose rows the
 * database drops by itself when their time is over.
 */
public final class AuditAccesses {
  private static final int PAGE_ROWS = 500;

  private final PluginSession session;
  private final int secondsKept;
  private final String insert;
  private final String select;

  /**
   * An access.
   *
   * @param listener where it came in: {@code edge} or {@code management}
   * @param caller whose key it was, or that there was none
   * @param address of the client
   * @param request what was asked
   */
  public record Access(
      long atMillis, String listener, String caller, String address, String request) {}

  public AuditAccesses(ActorSystem<?> system, Duration kept) {
    this.session = new PluginSession(system);
    this.secondsKept = Math.toIntExact(kept.toSeconds());
    String table = session.table(JournalTables.AUDIT_ACCESSES.name());
    this.insert =
        "INSERT INTO "
            + table
            + " (day, at, listener, caller, address, request) VALUES (?, ?, ?, ?, ?, ?) USING TTL ?";
    this.select = "SELECT at, listener, caller, address, request FROM " + table + " WHERE day = ?";
  }

  /** Writes one down that is now; when that is done, it will be found. */
  public CompletionStage<?> add(String listener, String caller, String address, String request) {
    UUID now = Uuids.timeBased(); // no two are equal
    return session.execute(
        insert,
        day(Uuids.unixTimestamp(now)).toString(),
        now,
        listener,
        caller,
        address,
        request,
        secondsKept);
  }

  private static LocalDate day(long millis) {
    return Instant.ofEpochMilli(millis).atZone(ZoneOffset.UTC).toLocalDate();
  }

  /** Those of a day (UTC), in their order. */
  public Source<Access, NotUsed> on(LocalDate day) {
    return session
        .select(PAGE_ROWS, select, day.toString())
        .map(
            row ->
                new Access(
                    Uuids.unixTimestamp(Objects.requireNonNull(row.getUuid("at"))),
                    String.valueOf(row.getString("listener")),
                    String.valueOf(row.getString("caller")),
                    String.valueOf(row.getString("address")),
                    String.valueOf(row.getString("request"))));
  }
}
