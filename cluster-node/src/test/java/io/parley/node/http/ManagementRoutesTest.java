package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.node.models.FakeModel;
import io.parley.node.models.MemoryBudget;
import io.parley.node.models.ModelFailure;
import io.parley.node.models.ModelsSettings;
import io.parley.node.models.NodeModels;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.TenantId;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ManagementRoutesTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final Map<String, FakeModel> MODELS = new ConcurrentHashMap<>();

  private static ActorTestKit kit;
  private static Config config;
  private static ActorRef<NodeModels.Command> owner;
  private static HttpServer server;

  private final HttpClient client = HttpClient.newHttpClient();

  @TempDir private Path folder;

  @BeforeAll
  static void start() {
    config =
        ConfigFactory.parseString(
                "akka { loglevel = WARNING, actor.provider = local, jvm-shutdown-hooks = off }\n"
                    + "akka.coordinated-shutdown.exit-jvm = off")
            .withFallback(ConfigFactory.load());
    kit = ActorTestKit.create("management", config);
    ModelsSettings settings = new ModelsSettings(0, Duration.ofSeconds(1), Duration.ZERO);
    owner =
        kit.spawn(
            NodeModels.create(
                new NodeModels.Surroundings(
                    settings,
                    MemoryBudget.of(settings, Optional.empty()),
                    true,
                    order -> {
                      if (order.slots().equals(Optional.of(4096))) {
                        throw new IllegalArgumentException("slots is 1 to 512");
                      }
                      return MODELS.get(order.spec());
                    },
                    id -> true),
                List.of()));
    server = serve(new ManagementSettings("127.0.0.1", 0, Optional.empty()), Optional.of(owner));
    FakeModel unknown = new FakeModel(ModelId.parse("nobody@1"));
    unknown.found.completeExceptionally(
        new ModelFailure(ModelFailure.Code.NOT_FOUND, "no model 'nobody'"));
    MODELS.put("nobody", unknown);
    FakeModel damaged = new FakeModel(ModelId.parse("damaged@1"));
    damaged.found.completeExceptionally(
        new ModelFailure(ModelFailure.Code.UNUSABLE, "the file is cut off"));
    MODELS.put("damaged", damaged);
  }

  private static HttpServer serve(
      ManagementSettings settings, Optional<ActorRef<NodeModels.Command>> models) {
    return HttpServer.startManagement(
            kit.system(),
            HttpSettings.of(config),
            settings,
            models,
            Optional.of(AUDIT),
            Optional.empty())
        .toCompletableFuture()
        .join();
  }

  private static final FakeAudit AUDIT = new FakeAudit();

  @AfterAll
  static void stop() {
    kit.shutdownTestKit();
  }

  private record Answer(int status, JsonNode json) {
    String code() {
      return json.at("/error/code").asText();
    }
  }

  private Answer send(HttpServer to, String method, String path, String body, String... headers)
      throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + to.address().getPort() + path);
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    HttpResponse<String> response =
        client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    return new Answer(response.statusCode(), MAPPER.readTree(response.body()));
  }

  private Answer load(String model) throws Exception {
    return send(server, "POST", "/models", "{\"model\":\"" + model + "\"}");
  }

  @Test
  void aModelIsLoadedShownAndUnloaded() throws Exception {
    MODELS.put("story", FakeModel.ready(ModelId.parse("story@7")));

    Answer begun = load("story");
    assertThat(begun.status()).isEqualTo(202);
    assertThat(begun.json().path("model").asText()).isEqualTo("story@7");
    await().until(() -> one("story").path("state").asText().equals("serving"));

    JsonNode shown = one("story@7");
    assertThat(shown.path("requested").asText()).isEqualTo("story");
    assertThat(shown.path("kind").asText()).isEqualTo("chat");
    assertThat(shown.at("/memory/total").asLong()).isEqualTo(6 << 20);
    assertThat(shown.at("/activity/slots").asInt()).isEqualTo(4);
    assertThat(send(server, "GET", "/models", "").json().path("data").findValuesAsText("model"))
        .contains("story@7");
    assertThat(load("story").code()).isEqualTo("model_already_loaded");

    assertThat(send(server, "DELETE", "/models/story?drain_seconds=0", "").status()).isEqualTo(202);
    await().until(() -> send(server, "GET", "/models/story", "").status() == 404);
    Answer again = send(server, "DELETE", "/models/story", "");
    assertThat(again.status()).isEqualTo(404);
    assertThat(again.code()).isEqualTo("model_not_loaded");
  }

  private JsonNode one(String name) throws Exception {
    return send(server, "GET", "/models/" + name, "").json();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{}; 400; missing_required_parameter",
        "{'model':7}; 400; invalid_type",
        "{'model':''}; 400; invalid_value",
        "{'model':'a','slot':1}; 400; unknown_parameter",
        "{'model':'a','slots':0}; 400; invalid_value",
        "{'model':'a','slots':4096}; 400; invalid_value",
        "{'model':'a','kv_memory':'much'}; 400; invalid_value",
        "{'model':'a','kv_memory':'-1MiB'}; 400; invalid_value",
        "{'model':'nobody'}; 404; model_not_found",
        "{'model':'damaged'}; 400; model_unusable",
      })
  void whatCannotBeLoadedIsRefused(String body, int status, String code) throws Exception {
    Answer answer = send(server, "POST", "/models", body.replace('\'', '"'));
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.code()).isEqualTo(code);
  }

  @Test
  void onANodeThatIsNoWorkerNothingIsThereToManage() throws Exception {
    HttpServer other =
        serve(new ManagementSettings("127.0.0.1", 0, Optional.empty()), Optional.empty());
    assertThat(send(other, "GET", "/models", "").json().path("data")).isEmpty();
    Answer answer = send(other, "POST", "/models", "{\"model\":\"story\"}");
    assertThat(answer.status()).isEqualTo(409);
    assertThat(answer.code()).isEqualTo("not_a_worker");
  }

  @Test
  void withKeysOnlyWhoHasOneManages() throws Exception {
    ApiKeys.NewKey made = ApiKeys.create(TenantId.DEFAULT, "");
    Path keys = Files.writeString(folder.resolve("keys"), made.line());
    HttpServer guarded =
        serve(new ManagementSettings("127.0.0.1", 0, Optional.of(keys)), Optional.of(owner));

    assertThat(send(guarded, "GET", "/models", "").status()).isEqualTo(401);
    assertThat(
            send(guarded, "GET", "/models", "", "Authorization", "Bearer " + made.key()).status())
        .isEqualTo(200);
  }

  @Test
  void anAddressForOthersNeedsKeys() {
    assertThatThrownBy(
            () -> HttpServer.requireSafe(new ManagementSettings("0.0.0.0", 0, Optional.empty())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.management.api-keys-file");
    assertThat(
            HttpServer.requireSafe(new ManagementSettings("127.0.0.1", 0, Optional.empty()))
                .isEmpty())
        .isTrue();
  }
}
