package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.persistence.cassandra.KeyspaceAndTableStatements;
import akka.persistence.cassandra.PluginSettings;
import com.typesafe.config.ConfigFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class JournalTablesTest {
  @Test
  void areThoseThatThePluginItselfWouldCreate() {
    ActorTestKit kit = ActorTestKit.create(ConfigFactory.load());
    try {
      KeyspaceAndTableStatements plugin =
          new KeyspaceAndTableStatements(
              kit.system(),
              "akka.persistence.cassandra",
              PluginSettings.apply(
                  kit.system().classicSystem(),
                  kit.system().settings().config().getConfig("akka.persistence.cassandra")));
      List<String> theirs = new ArrayList<>(plugin.getCreateJournalTablesStatements());
      theirs.addAll(plugin.getCreateSnapshotTablesStatements());

      List<String> ours = new ArrayList<>();
      JournalTables.JOURNAL.forEach(t -> ours.add(t.create("akka")));
      JournalTables.SNAPSHOT.forEach(t -> ours.add(t.create("akka_snapshot")));

      assertThat(ours.stream().map(JournalTablesTest::normal))
          .containsExactlyElementsOf(theirs.stream().map(JournalTablesTest::normal).toList());
    } finally {
      kit.shutdownTestKit();
    }
  }

  /** Without differences that mean nothing: spaces, and a primary key written at its column. */
  private static String normal(String cql) {
    String flat = cql.replaceAll("\\s+", "");
    return flat.replaceAll(
            "persistence_idtextPRIMARYKEY(.*)\\)$",
            "persistence_idtext$1,PRIMARYKEY((persistence_id)))")
        .replace("PRIMARYKEY(persistence_id,", "PRIMARYKEY((persistence_id),")
        .replace("PRIMARYKEY(persistence_id)", "PRIMARYKEY((persistence_id))");
  }
}
