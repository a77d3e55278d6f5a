package io.parley.node.http;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorSystem;
import akka.stream.javadsl.Source;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.EmbeddingDispatcher;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A real server on a free port over {@link FakeSessions}, and a client of it. */
final class RunningEdge implements AutoCloseable {
  static final ModelInfo MODEL =
      new ModelInfo(new ModelId("fake", "1"), 2048, 1_700_000_000L, "tests", "Apache-2.0");
  static final ModelInfo ENCODER =
      new ModelInfo(new ModelId("encoder", "1"), 8, 1_700_000_000L, "tests", "Apache-2.0", 3);
  private static final ObjectMapper MAPPER = new ObjectMapper();

  final FakeSessions sessions;
  final HttpServer server;
  private final ActorTestKit kit;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private RunningEdge(FakeSessions sessions, HttpServer server, ActorTestKit kit) {
    this.sessions = sessions;
    this.server = server;
    this.kit = kit;
  }

  static RunningEdge start(FakeSessions sessions, String... overrides) {
    Config config =
        ConfigFactory.parseString(String.join("\n", overrides))
            .withFallback(
                ConfigFactory.parseString(
                    """
                    parley.http { port = 0, ask-backoff = 5ms, admission-wait = 1s, keep-alive = 50ms }
                    akka { loglevel = WARNING, actor.provider = local, jvm-shutdown-hooks = off }
                    akka.coordinated-shutdown.exit-jvm = off
                    """))
            .withFallback(ConfigFactory.load());
    ActorTestKit kit = ActorTestKit.create("edge", config);
    return new RunningEdge(sessions, serve(kit.system(), config, sessions, 0), kit);
  }

  static HttpServer serve(ActorSystem<?> system, Config config, FakeSessions sessions, int port) {
    ModelCatalog models =
        new ModelCatalog() {
          @Override
          public List<ModelInfo> models() {
            return List.of(MODEL, ENCODER);
          }

          @Override
          public boolean hasHeard() {
            return true;
          }

          @Override
          public Optional<ModelInfo> find(String name) {
            return models().stream()
                .filter(
                    model -> model.id().name().equals(name) || model.id().toString().equals(name))
                .findFirst();
          }
        };
    EventHistory history =
        (id, after) ->
            Source.range(1, 5)
                .filter(number -> number > after)
                .map(
                    number ->
                        new EventHistory.HistoryEvent(
                            number, 1_700_000_000_000L, "turn-started.1", Json.object()))
                .mapMaterializedValue(ignored -> akka.NotUsed.getInstance());
    Readiness readiness =
        () ->
            CompletableFuture.completedFuture(
                List.of(new Readiness.Check("journal", true, true, "fake")));
    Config own = ConfigFactory.parseMap(Map.of("parley.http.port", port)).withFallback(config);
    return HttpServer.start(
            system,
            HttpSettings.of(own),
            new HttpServer.Parts(
                sessions,
                models,
                new WorkerEmbeddings(
                    system, EmbeddingDispatcher.start(system), HttpSettings.of(own)),
                history,
                new FakeAudit(),
                readiness))
        .toCompletableFuture()
        .join();
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + server.address().getPort() + path);
  }

  /** An answer that was read whole. */
  record Answer(int status, java.net.http.HttpHeaders headers, String body) {
    JsonNode json() throws IOException {
      return MAPPER.readTree(body);
    }

    String code() throws IOException {
      return json().path("error").path("code").asText();
    }

    String param() throws IOException {
      return json().path("error").path("param").asText();
    }

    List<Event> events() {
      return parse(body);
    }
  }

  /** A server-sent event. */
  record Event(String id, String name, String data) {
    JsonNode json() throws IOException {
      return MAPPER.readTree(data);
    }
  }

  static List<Event> parse(String body) {
    List<Event> events = new ArrayList<>();
    for (String block : body.split("\n\n")) {
      String id = "";
      String name = "";
      String data = "";
      for (String line : block.split("\n")) {
        if (line.startsWith("id: ")) {
          id = line.substring(4);
        } else if (line.startsWith("event: ")) {
          name = line.substring(7);
        } else if (line.startsWith("data: ")) {
          data = line.substring(6);
        }
      }
      if (!data.isEmpty()) {
        events.add(new Event(id, name, data));
      }
    }
    return events;
  }

  Answer post(String path, String body, String... headers) throws Exception {
    return send("POST", path, body.getBytes(StandardCharsets.UTF_8), headers);
  }

  Answer get(String path, String... headers) throws Exception {
    return send("GET", path, new byte[0], headers);
  }

  Answer send(String method, String path, byte[] body, String... headers) throws Exception {
    HttpResponse<String> response =
        client.send(
            request(method, path, body, headers),
            HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
    return new Answer(response.statusCode(), response.headers(), response.body());
  }

  /** Sends and gives the body while it comes. */
  HttpResponse<InputStream> open(String path, String body, String... headers) throws Exception {
    return client.send(
        request("POST", path, body.getBytes(StandardCharsets.UTF_8), headers),
        HttpResponse.BodyHandlers.ofInputStream());
  }

  private HttpRequest request(String method, String path, byte[] body, String... headers) {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(uri(path))
            .method(
                method,
                body.length == 0
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofByteArray(body));
    boolean typed = false;
    for (int i = 0; i < headers.length; i += 2) {
      builder.header(headers[i], headers[i + 1]);
      typed |= headers[i].equalsIgnoreCase("Content-Type");
    }
    if (body.length > 0 && !typed) {
      builder.header("Content-Type", "application/json");
    }
    return builder.build();
  }

  ActorSystem<?> system() {
    return kit.system();
  }

  /** Stops as a node does. */
  CompletionStage<Done> stop() {
    return CoordinatedShutdown.get(kit.system()).runAll(CoordinatedShutdown.unknownReason());
  }

  @Override
  public void close() {
    kit.shutdownTestKit();
  }
}
