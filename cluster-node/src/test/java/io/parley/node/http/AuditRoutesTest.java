package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Audits over HTTP, of a journal that is played. */
class AuditRoutesTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final FakeAudit AUDIT = new FakeAudit();
  private static RunningEdge edge;
  private static ActorTestKit kit;
  private static HttpServer management;
  private static HttpServer worker;
  private final HttpClient client = HttpClient.newHttpClient();

  @BeforeAll
  static void start() {
    edge = RunningEdge.start(new FakeSessions());
    Config config =
        ConfigFactory.parseString("akka.actor.provider = local").withFallback(ConfigFactory.load());
    kit = ActorTestKit.create("audit", config);
    management = management(config, Optional.of(AUDIT));
    worker = management(config, Optional.empty());
  }

  private static HttpServer management(Config config, Optional<Audit> audit) {
    return HttpServer.startManagement(
            kit.system(),
            HttpSettings.of(config),
            new ManagementSettings("127.0.0.1", 0, Optional.empty()),
            Optional.empty(),
            audit,
            Optional.empty())
        .toCompletableFuture()
        .join();
  }

  @AfterAll
  static void stop() {
    kit.shutdownTestKit();
    edge.close();
  }

  private HttpResponse<String> get(URI uri) throws Exception {
    return client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
  }

  private static URI uri(HttpServer server, String path) {
    return URI.create("http://127.0.0.1:" + server.address().getPort() + path);
  }

  @Test
  void aTenantsSessionIsVerified() throws Exception {
    HttpResponse<String> whole = get(edge.uri("/v1/audit/sessions/sess_whole/verify"));
    assertThat(whole.statusCode()).isEqualTo(200);
    JsonNode report = MAPPER.readTree(whole.body());
    assertThat(report.path("whole").asBoolean()).isTrue();
    assertThat(report.path("session_id").asText()).isEqualTo("sess_whole");
    assertThat(report.path("events").asLong()).isEqualTo(5);
    assertThat(report.path("signed_sequence").asLong()).isEqualTo(4);

    JsonNode altered =
        MAPPER.readTree(get(edge.uri("/v1/audit/sessions/sess_altered/verify")).body());
    assertThat(altered.path("whole").asBoolean()).isFalse();
    assertThat(altered.at("/findings/0/kind").asText()).isEqualTo("altered");
    assertThat(altered.at("/findings/0/from").asLong()).isEqualTo(3);

    assertThat(get(edge.uri("/v1/audit/sessions/sess_none/verify")).statusCode()).isEqualTo(404);
    assertThat(get(edge.uri("/v1/audit/sessions/none/verify")).statusCode()).isEqualTo(404);
  }

  @Test
  void anOperatorVerifiesAnyTenantsSessionAndAll() throws Exception {
    JsonNode one =
        MAPPER.readTree(
            get(uri(management, "/audit/tenants/acme/sessions/sess_whole/verify")).body());
    assertThat(one.path("persistence_id").asText()).isEqualTo("session|acme/whole");

    List<String> found = get(uri(management, "/audit/verify")).body().lines().toList();
    assertThat(found).hasSize(2);
    assertThat(found.get(0)).contains("session|default/altered");
    JsonNode sum = MAPPER.readTree(found.get(1));
    assertThat(sum.path("object").asText()).isEqualTo("audit.summary");
    assertThat(sum.path("journals").asLong()).isEqualTo(2);
    assertThat(sum.path("not_whole").asLong()).isEqualTo(1);
    assertThat(sum.path("events").asLong()).isEqualTo(12);
    assertThat(get(uri(management, "/audit/verify?each=true")).body().lines()).hasSize(3);
  }

  @Test
  void anAuditThatEndsMakesRoomForOthers() throws Exception {
    for (int i = 0; i < 20; i++) {
      assertThat(get(uri(management, "/audit/verify")).statusCode()).isEqualTo(200);
      assertThat(get(edge.uri("/v1/audit/sessions/sess_whole/verify")).statusCode()).isEqualTo(200);
    }
  }

  @Test
  void aNodeWithoutAJournalSaysSo() throws Exception {
    HttpResponse<String> answer = get(uri(worker, "/audit/verify"));
    assertThat(answer.statusCode()).isEqualTo(409);
    assertThat(answer.body()).contains("no_journal");
  }

  private List<JsonNode> lines(URI uri) throws Exception {
    HttpResponse<String> response = get(uri);
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.headers().firstValue("Content-Type").orElse(""))
        .startsWith("application/x-ndjson");
    List<JsonNode> lines = new ArrayList<>();
    for (String line : response.body().lines().toList()) {
      lines.add(MAPPER.readTree(line));
    }
    return lines;
  }

  @Test
  void eventsAreReadByNumberAndByTime() throws Exception {
    String path = "/v1/audit/sessions/sess_whole/events";
    assertThat(lines(edge.uri(path))).hasSize(5);
    List<JsonNode> some = lines(edge.uri(path + "?from=2&to=4&since=300"));
    assertThat(some).extracting(e -> e.path("sequence").asInt()).containsExactly(3, 4);
    assertThat(some.get(0).path("hash").asText()).isEqualTo("ab");
    assertThat(some.get(0).at("/payload/n").asInt()).isEqualTo(3);
    assertThat(lines(edge.uri(path + "?until=100"))).hasSize(1);
    assertThat(get(edge.uri(path + "?from=0")).statusCode()).isEqualTo(400);
  }

  @Test
  void aSessionIsShownAsItWas() throws Exception {
    String path = "/v1/audit/sessions/sess_whole/";
    assertThat(MAPPER.readTree(get(edge.uri(path + "replay?sequence=2")).body()).at("/session/n"))
        .isEqualTo(MAPPER.readTree("2"));
    assertThat(MAPPER.readTree(get(edge.uri(path + "replay?at=350")).body()).path("sequence"))
        .isEqualTo(MAPPER.readTree("3"));
    assertThat(get(edge.uri(path + "replay?at=50")).statusCode()).isEqualTo(404);
    JsonNode diff = MAPPER.readTree(get(edge.uri(path + "diff?from=2&to=4")).body());
    assertThat(diff.path("changes"))
        .isEqualTo(MAPPER.readTree("[{\"path\":\"/n\",\"before\":2,\"after\":4}]"));
  }

  @Test
  void anExportTellsWhatItCouldNotRead() throws Exception {
    List<JsonNode> lines = lines(uri(management, "/audit/export?tenant=acme&since=500"));
    assertThat(lines)
        .extracting(line -> line.path("object").asText())
        .containsExactly("audit.event", "audit.error");
    assertThat(lines.get(0).path("tenant").asText()).isEqualTo("acme");
    assertThat(get(uri(management, "/audit/export?tenant=a%20b")).statusCode()).isEqualTo(400);
  }

  @Test
  void whoAsksIsWrittenDownFirst() throws Exception {
    assertThat(
            get(uri(management, "/audit/tenants/acme/sessions/sess_whole/events?from=5"))
                .statusCode())
        .isEqualTo(200);
    assertThat(lines(uri(management, "/audit/accesses")))
        .anySatisfy(
            access -> {
              assertThat(access.path("listener").asText()).isEqualTo("management");
              assertThat(access.path("caller").asText()).isEqualTo("default, no key");
              assertThat(access.path("request").asText())
                  .isEqualTo("/audit/tenants/acme/sessions/sess_whole/events?from=5");
            });
    AUDIT.canNote = false;
    try {
      assertThat(get(uri(management, "/audit/verify")).statusCode()).isEqualTo(503);
    } finally {
      AUDIT.canNote = true;
    }
  }
}
