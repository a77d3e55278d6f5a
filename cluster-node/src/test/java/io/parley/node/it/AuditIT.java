package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.cql.Row;
import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Somebody writes to the tables, and is found out. */
@ExtendWith(SharedNode.class)
class AuditIT {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final Pattern PORT = Pattern.compile("(?m)^native_transport_port: *(\\d+)");
  private static final String TABLE = "parley.messages";
  private static final String WHERE =
      " WHERE persistence_id = ? AND partition_nr = 0 AND sequence_nr = ?";

  @Test
  void whatIsDoneToTheTablesIsFoundAndNamed(NodeProcess node) throws IOException {
    ApiClient api = new ApiClient(node);
    List<String> sessions = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      String session = api.newSession();
      new SessionStreamingClient(api, session, "Go on.", 6).run(() -> {});
      sessions.add(session);
    }
    for (String session : sessions) {
      JsonNode report = verified(api, session);
      assertThat(report.path("whole").asBoolean()).as(report.toString()).isTrue();
      assertThat(report.path("events").asLong()).isGreaterThan(4);
      assertThat(report.path("unsealed_events").asLong()).isZero();
    }
    String whole = sessions.remove(0);
    signed(api, sessions.get(4));

    Map<String, String> done = new TreeMap<>();
    try (CqlSession journal = connect(node)) {
      flipAByte(journal, sessions.get(0), 3);
      done.put(sessions.get(0), "altered 3");
      journal.execute("DELETE FROM " + TABLE + WHERE, id(sessions.get(1)), 2L);
      done.put(sessions.get(1), "missing 2");
      swap(journal, sessions.get(2), 3, 4);
      done.put(sessions.get(2), "moved 3");
      long last = verified(api, sessions.get(3)).path("last_sequence").asLong();
      copy(journal, sessions.get(3), last, sessions.get(3), last + 1);
      done.put(sessions.get(3), "moved " + (last + 1));
      long cut = verified(api, sessions.get(4)).path("last_sequence").asLong();
      journal.execute("DELETE FROM " + TABLE + WHERE, id(sessions.get(4)), cut);
      done.put(sessions.get(4), "cut " + cut);
      journal.execute("DELETE FROM " + TABLE + WHERE, id(sessions.get(5)), 2L);
      copy(journal, whole, 2, sessions.get(5), 2);
      done.put(sessions.get(5), "foreign 2");
    }

    done.forEach(
        (session, finding) -> {
          JsonNode report = verified(api, session);
          assertThat(report.path("whole").asBoolean()).as(report.toString()).isFalse();
          assertThat(first(report)).as(report.toString()).isEqualTo(finding);
        });
    assertThat(verified(api, whole).path("whole").asBoolean()).isTrue();
    commandsSayTheSame(node, whole, done);
  }

  private static void commandsSayTheSame(NodeProcess node, String whole, Map<String, String> done) {
    assertThat(audit(node, whole).success()).contains("is whole");
    String altered = done.keySet().iterator().next();
    Commands.Result one = audit(node, altered);
    assertThat(one.exit()).isEqualTo(1);
    assertThat(one.out()).contains(id(altered)).contains(done.get(altered).split(" ", 2)[0]);

    Commands.Result all = audit(node, "--all", "--json");
    assertThat(all.exit()).isEqualTo(1);
    Map<String, String> found = new TreeMap<>();
    for (String line : all.out().lines().toList()) {
      JsonNode json = ApiClient.parse(line);
      if (json.path("object").asText().equals("audit.verification")
          && !json.path("whole").asBoolean()) {
        String name = json.path("persistence_id").asText();
        found.put("sess_" + name.substring(name.indexOf('/') + 1), first(json));
      }
    }
    assertThat(found).as("of all journals of the node, and no others").isEqualTo(done);
    System.out.println("audit verify --all: " + all.out().lines().reduce((a, b) -> b).orElse(""));
  }

  private static Commands.Result audit(NodeProcess node, String... arguments) {
    List<String> command = new ArrayList<>(List.of("audit", "verify"));
    command.addAll(List.of(arguments));
    command.addAll(List.of("--data", node.data().toString()));
    return Commands.parley(LIMIT, command.toArray(new String[0]));
  }

  private static JsonNode verified(ApiClient api, String session) {
    return api.json(api.get("/v1/audit/sessions/" + session + "/verify"));
  }

  /** The checkpoint is written behind the turn's end, which nobody waits for. */
  private static void signed(ApiClient api, String session) {
    org.awaitility.Awaitility.await()
        .atMost(LIMIT)
        .until(
            () -> {
              JsonNode report = verified(api, session);
              return report.path("signed_sequence").equals(report.path("last_sequence"));
            });
  }

  private static String first(JsonNode report) {
    JsonNode finding = report.at("/findings/0");
    return finding.path("kind").asText() + " " + finding.path("from").asLong();
  }

  private static String id(String session) {
    return "session|default/" + session.substring("sess_".length());
  }

  private static CqlSession connect(NodeProcess node) throws IOException {
    Matcher port =
        PORT.matcher(Files.readString(node.data().resolve("cassandra/conf/cassandra.yaml")));
    assertThat(port.find()).isTrue();
    return CqlSession.builder()
        .addContactPoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(port.group(1))))
        .withLocalDatacenter("datacenter1")
        .build();
  }

  private static Row row(CqlSession journal, String session, long number) {
    return journal.execute("SELECT * FROM " + TABLE + WHERE, id(session), number).one();
  }

  /** In the middle of what is stored. */
  private static void flipAByte(CqlSession journal, String session, long number) {
    Row row = row(journal, session, number);
    ByteBuffer event = row.getByteBuffer("event");
    byte[] bytes = new byte[event.remaining()];
    event.get(bytes);
    bytes[bytes.length / 2] ^= 1;
    put(journal, session, row, number, ByteBuffer.wrap(bytes), row.getString("ser_manifest"));
  }

  private static void swap(CqlSession journal, String session, long one, long other) {
    Row first = row(journal, session, one);
    Row second = row(journal, session, other);
    put(
        journal,
        session,
        first,
        one,
        second.getByteBuffer("event"),
        second.getString("ser_manifest"));
    put(
        journal,
        session,
        second,
        other,
        first.getByteBuffer("event"),
        first.getString("ser_manifest"));
  }

  private static void copy(CqlSession journal, String from, long number, String to, long toNumber) {
    Row row = row(journal, from, number);
    put(journal, to, row, toNumber, row.getByteBuffer("event"), row.getString("ser_manifest"));
  }

  /** Over a row, or at the place of one, as the session's writer that wrote its first event. */
  private static void put(
      CqlSession journal,
      String session,
      Row like,
      long number,
      ByteBuffer event,
      String manifest) {
    journal.execute(
        "INSERT INTO "
            + TABLE
            + " (persistence_id, partition_nr, sequence_nr, timestamp, timebucket, writer_uuid,"
            + " ser_id, ser_manifest, event_manifest, event)"
            + " VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?)",
        id(session),
        number,
        like.getUuid("timestamp"),
        like.getString("timebucket"),
        row(journal, session, 1).getString("writer_uuid"),
        like.getInt("ser_id"),
        manifest,
        like.getString("event_manifest"),
        event);
  }
}
