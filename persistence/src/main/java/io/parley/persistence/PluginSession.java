package io.parley.persistence;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.alpakka.cassandra.javadsl.CassandraSession;
import akka.stream.alpakka.cassandra.javadsl.CassandraSessionRegistry;
import akka.stream.javadsl.Source;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.cql.Row;
import com.typesafe.config.Config;
import java.util.concurrent.CompletionStage;

/** Statements of Parley's own over the connections of the journal's plugin. */
final class PluginSession {
  private static final String PLUGIN = "akka.persistence.cassandra";

  private final ActorSystem<?> system;
  private final Config journal;

  PluginSession(ActorSystem<?> system) {
    this.system = system;
    this.journal = system.settings().config().getConfig(PLUGIN + ".journal");
  }

  /** A table of the journal's keyspace, with that. */
  String table(String name) {
    return journal.getString("keyspace") + "." + name;
  }

  /** The target number of events in a partition. */
  long partitionSize() {
    return journal.getLong("target-partition-size");
  }

  Source<Row, NotUsed> select(int pageRows, String cql, Object... values) {
    return session()
        .select(bound(cql, values).thenApply(statement -> statement.setPageSize(pageRows)));
  }

  CompletionStage<?> execute(String cql, Object... values) {
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
