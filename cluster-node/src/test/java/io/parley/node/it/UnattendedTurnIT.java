package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.cql.Row;
import io.parley.node.chaos.NodeProcess;
import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import io.parley.persistence.embedded.EmbeddedSettings;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A turn in the background goes on behind a crash of the whole cluster though nobody asks. */
class UnattendedTurnIT {
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final int TOKENS = 200;
  private static final String END = "turn-completed.v1";

  @TempDir private Path data;

  @Test
  void goesOnAfterAKillWithoutAnyQuestion() {
    EmbeddedSettings settings = KillIT.journalSettings();
    try (EmbeddedCassandra cassandra =
            EmbeddedCassandra.start(
                settings, data.resolve("journal"), new EmbeddedCassandraListener() {});
        NodeProcess node =
            NodeProcess.started(data.resolve("node"), KillIT.on(cassandra.endpoint()));
        CqlSession journal = connect(cassandra.endpoint())) {
      ApiClient api = new ApiClient(node);
      String body =
          "{\"model\":\"%s\",\"input\":\"What is the sea?\",\"background\":true,"
              + "\"ignore_eos\":true,\"max_output_tokens\":%d}";
      String response =
          api.json(api.post("/v1/responses", body.formatted(ApiClient.MODEL, TOKENS)))
              .path("id")
              .asText();
      String session = "default/" + response.split("_")[1];
      // it was accepted, so it is in the list, at once
      assertThat(listed(journal)).containsExactly(session);

      await().atMost(PATIENCE).until(() -> events(journal, session).contains("tokens-appended.v1"));
      node.kill();
      assertThat(events(journal, session)).as("killed in mid-answer").doesNotContain(END);
      node.start();

      // from here on only the tables are read
      await().atMost(PATIENCE).until(() -> events(journal, session).contains(END));
      await().atMost(PATIENCE).until(() -> listed(journal).isEmpty());

      var turn = api.json(api.get("/v1/responses/" + response));
      assertThat(turn.path("status").asText()).isEqualTo("incomplete"); // at its token limit
      assertThat(turn.at("/usage/output_tokens").asInt()).isEqualTo(TOKENS);
      new JournaledSession(api, "sess_" + response.split("_")[1]).assertSound();
    }
  }

  private static CqlSession connect(JournalEndpoint endpoint) {
    String[] hostAndPort = endpoint.contactPoints().get(0).split(":");
    return CqlSession.builder()
        .addContactPoint(new InetSocketAddress(hostAndPort[0], Integer.parseInt(hostAndPort[1])))
        .withLocalDatacenter(endpoint.localDatacenter())
        .build();
  }

  private static List<String> events(CqlSession journal, String session) {
    return journal
        .execute(
            "SELECT ser_manifest FROM parley.messages WHERE persistence_id = ?"
                + " AND partition_nr = 0",
            "session|" + session)
        .map(row -> row.getString("ser_manifest"))
        .all();
  }

  private static List<String> listed(CqlSession journal) {
    List<Row> rows = journal.execute("SELECT session FROM parley.running_turns").all();
    return rows.stream().map(row -> row.getString("session")).toList();
  }
}
