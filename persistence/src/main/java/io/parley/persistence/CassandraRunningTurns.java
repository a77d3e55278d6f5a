package io.parley.persistence;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.javadsl.Source;
import java.util.concurrent.CompletionStage;

/** The turns that run, in a table of the journal's keyspace, over the journal's own connections. */
public final class CassandraRunningTurns implements RunningTurns {
  private static final int PAGE_ROWS = 1000;

  private final PluginSession session;
  private final String table;

  public CassandraRunningTurns(ActorSystem<?> system) {
    this.session = new PluginSession(system);
    this.table = session.table(JournalTables.RUNNING_TURNS.name());
  }

  @Override
  public CompletionStage<?> add(Entry entry) {
    return session.execute(
        "INSERT INTO " + table + " (slice, session, turn) VALUES (?, ?, ?)",
        entry.slice(),
        entry.session(),
        entry.turn());
  }

  @Override
  public CompletionStage<?> remove(Entry entry) {
    return session.execute(
        "DELETE FROM " + table + " WHERE slice = ? AND session = ? AND turn = ?",
        entry.slice(),
        entry.session(),
        entry.turn());
  }

  @Override
  public Source<Entry, NotUsed> inSlice(int slice) {
    return session
        .select(PAGE_ROWS, "SELECT session, turn FROM " + table + " WHERE slice = ?", slice)
        .map(row -> new Entry(String.valueOf(row.getString("session")), row.getInt("turn")));
  }
}
