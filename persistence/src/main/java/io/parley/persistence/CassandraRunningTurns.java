package io.parley.persistence;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.alpakka.cassandra.javadsl.CassandraSession;
import akka.stream.alpakka.cassandra.javadsl.CassandraSessionRegistry;
import akka.stream.javadsl.Source;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.cql.Statement;
import java.util.concurrent.CompletionStage;

/** The turns that run, in a table of the journal's keyspace, over the journal's own connections. */
public final class CassandraRunningTurns implements RunningTurns {
  private static final String PLUGIN = "akka.persistence.cassandra";

  private final ActorSystem<?> system;
  private final String table;

  public CassandraRunningTurns(ActorSystem<?> system) {
    this.system = system;
    this.table =
        system.settings().config().getString(PLUGIN + ".journal.keyspace")
            + "."
            + JournalTables.RUNNING_TURNS.name();
  }

  @Override
  public CompletionStage<?> add(Entry entry) {
    return execute(
        "INSERT INTO " + table + " (slice, session, turn) VALUES (?, ?, ?)",
        entry.slice(),
        entry.session(),
        entry.turn());
  }

  @Override
  public CompletionStage<?> remove(Entry entry) {
    return execute(
        "DELETE FROM " + table + " WHERE slice = ? AND session = ? AND turn = ?",
        entry.slice(),
        entry.session(),
        entry.turn());
  }

  @Override
  public Source<Entry, NotUsed> inSlice(int slice) {
    CompletionStage<Statement<?>> select =
        bound("SELECT session, turn FROM " + table + " WHERE slice = ?", slice)
            .thenApply(statement -> statement);
    return session()
        .select(select)
        .map(row -> new Entry(String.valueOf(row.getString("session")), row.getInt("turn")));
  }

  private CompletionStage<?> execute(String cql, Object... values) {
    return bound(cql, values).thenCompose(session()::executeWrite);
  }

  /** By the driver, which remembers what it prepared; Akka's session remembers failures, too. */
  private CompletionStage<BoundStatement> bound(String cql, Object... values) {
    return session()
        .underlying()
        .thenCompose(driver -> driver.prepareAsync(cql))
        .thenApply(prepared -> prepared.bind(values).setIdempotent(true));
  }

  /** Asked for when it is used: the journal's own session is there by then. */
  private CassandraSession session() {
    return CassandraSessionRegistry.get(system).sessionFor(PLUGIN);
  }
}
