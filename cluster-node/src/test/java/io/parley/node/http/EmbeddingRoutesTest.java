package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.receptionist.Receptionist;
import com.fasterxml.jackson.databind.JsonNode;
import io.parley.routing.EmbeddingDispatcher;
import io.parley.routing.EmbeddingDispatcher.WorkerCommand;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.WorkerMessage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code /v1/embeddings} over workers that answer by rote. */
class EmbeddingRoutesTest {
  private static final String PATH = "/v1/embeddings";
  private static RunningEdge edge;

  private final List<EmbeddingRequest> heard = new CopyOnWriteArrayList<>();
  private final List<String> cancelled = new CopyOnWriteArrayList<>();
  private final List<ActorRef<WorkerMessage>> workers = new CopyOnWriteArrayList<>();

  @BeforeAll
  static void start() {
    edge =
        RunningEdge.start(
            new FakeSessions(),
            "parley.http.embedding-timeout = 20s",
            "parley.routing.forget-model-after = 0s"); // or it would be waited for
  }

  @AfterAll
  static void stop() {
    edge.close();
  }

  @AfterEach
  void stopWorkers() {
    workers.forEach(worker -> worker.tell(new Stop()));
    await().until(() -> directory().workers(RunningEdge.ENCODER.id()).isEmpty());
  }

  private record Stop() implements WorkerMessage {}

  private static WorkerDirectory directory() {
    return WorkerDirectory.get(edge.system());
  }

  private record Dispatchers(Set<ActorRef<WorkerCommand>> refs) implements WorkerMessage {}

  /** A worker that pulls, and answers so; null: not at all. */
  private void worker(Function<EmbeddingRequest, EmbeddingReply> answers) {
    Behavior<WorkerMessage> behavior =
        Behaviors.setup(
            context -> {
              receptionist(Receptionist.register(WorkerDirectory.SERVICE_KEY, context.getSelf()));
              receptionist(
                  Receptionist.subscribe(
                      EmbeddingDispatcher.SERVICE_KEY,
                      context.messageAdapter(
                          Receptionist.Listing.class,
                          listing ->
                              new Dispatchers(
                                  listing.getServiceInstances(EmbeddingDispatcher.SERVICE_KEY)))));
              return Behaviors.receiveMessage(message -> hear(context.getSelf(), message, answers));
            });
    ActorRef<WorkerMessage> worker =
        edge.system().systemActorOf(behavior, "encoder-" + System.nanoTime(), Props.empty());
    workers.add(worker);
    await().until(() -> directory().workers(RunningEdge.ENCODER.id()).contains(worker));
  }

  private static void receptionist(Receptionist.Command command) {
    edge.system().receptionist().tell(command);
  }

  private Behavior<WorkerMessage> hear(
      ActorRef<WorkerMessage> self,
      WorkerMessage message,
      Function<EmbeddingRequest, EmbeddingReply> answers) {
    if (message instanceof WorkerDirectory.Describe describe) {
      describe.replyTo().tell(new WorkerDirectory.Description(self, RunningEdge.ENCODER));
    } else if (message instanceof Dispatchers known) {
      known.refs().forEach(dispatcher -> pull(self, dispatcher, 1));
    } else if (message instanceof EmbeddingDispatcher.Handed handed) {
      for (EmbeddingRequest request : handed.requests()) {
        heard.add(request);
        EmbeddingReply reply = answers.apply(request);
        if (reply != null) {
          handed.replyTo().tell(reply);
        }
      }
      pull(self, handed.dispatcher(), handed.number() + 1);
    } else if (message instanceof EmbeddingRequest.Cancel cancel) {
      cancelled.add(cancel.id());
    }
    return message instanceof Stop ? Behaviors.stopped() : Behaviors.same();
  }

  private static void pull(
      ActorRef<WorkerMessage> self, ActorRef<WorkerCommand> dispatcher, long number) {
    dispatcher.tell(new EmbeddingDispatcher.Pull(self, RunningEdge.ENCODER.id(), number, 1 << 20));
  }

  /** A vector of the text's place in its request. */
  private static Embedded vectors(EmbeddingRequest request) {
    ByteBuffer bytes = ByteBuffer.allocate(request.size() * 3 * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < request.size(); i++) {
      bytes.putFloat(i).putFloat(0.1f).putFloat(-1e-7f);
    }
    return new Embedded(request.id(), 10 * request.size(), bytes.array());
  }

  private static RunningEdge.Answer embed(String fields) throws Exception {
    return edge.post(PATH, "{\"model\": \"encoder\", " + fields + "}");
  }

  private static List<Float> floats(JsonNode embedding) {
    return IntStream.range(0, embedding.size())
        .mapToObj(i -> embedding.get(i).floatValue())
        .toList();
  }

  @Test
  void givesAListInTheOrderOfTheInput() throws Exception {
    worker(EmbeddingRoutesTest::vectors);
    RunningEdge.Answer answer = embed("\"input\": [\"a\", \"b\"], \"user\": \"u\"");
    assertThat(answer.status()).as(answer.body()).isEqualTo(200);
    JsonNode json = answer.json();
    assertThat(json.path("object").asText()).isEqualTo("list");
    assertThat(json.path("model").asText()).isEqualTo("encoder@1");
    assertThat(json.path("usage").path("prompt_tokens").asInt()).isEqualTo(20);
    assertThat(json.path("usage").path("total_tokens").asInt()).isEqualTo(20);
    assertThat(json.path("data")).hasSize(2);
    JsonNode second = json.path("data").get(1);
    assertThat(second.path("index").asInt()).isEqualTo(1);
    assertThat(second.path("object").asText()).isEqualTo("embedding");
    assertThat(floats(second.path("embedding"))).containsExactly(1f, 0.1f, -1e-7f);
  }

  @Test
  void givesBase64OfTheSameNumbers() throws Exception {
    worker(EmbeddingRoutesTest::vectors);
    JsonNode entry =
        embed("\"input\": \"a\", \"encoding_format\": \"base64\", \"dimensions\": 3")
            .json()
            .path("data")
            .get(0);
    ByteBuffer bytes =
        ByteBuffer.wrap(Base64.getDecoder().decode(entry.path("embedding").textValue()))
            .order(ByteOrder.LITTLE_ENDIAN);
    assertThat(List.of(bytes.getFloat(), bytes.getFloat(), bytes.getFloat()))
        .containsExactly(0f, 0.1f, -1e-7f);
  }

  @Test
  void takesTokens() throws Exception {
    worker(EmbeddingRoutesTest::vectors);
    assertThat(embed("\"input\": [1, 2, 3]").json().path("data")).hasSize(1);
    assertThat(embed("\"input\": [[1], [2, 3]]").json().path("data")).hasSize(2);
    assertThat(((EmbeddingRequest.Tokens) heard.get(0)).tokens().get(0)).containsExactly(1, 2, 3);
    assertThat(((EmbeddingRequest.Tokens) heard.get(1)).tokens().get(1)).containsExactly(2, 3);
  }

  @Test
  void cutsALargeRequestIntoParts() throws Exception {
    worker(EmbeddingRoutesTest::vectors);
    String texts = String.join(",", Collections.nCopies(600, "\"x\""));
    JsonNode json = embed("\"input\": [" + texts + "]").json();
    assertThat(json.path("data")).hasSize(600);
    assertThat(json.path("usage").path("prompt_tokens").asInt()).isEqualTo(6000);
    assertThat(json.path("data").get(599).path("index").asInt()).isEqualTo(599);
    assertThat(floats(json.path("data").get(599).path("embedding")).get(0)).isEqualTo(599 % 64f);
    assertThat(heard).hasSize(10);
  }

  /** So that workers share a call, and no other call waits long behind it. */
  @Test
  void aPartIsAboutABatch() throws Exception {
    worker(EmbeddingRoutesTest::vectors);
    String text = '"' + "x".repeat(1200) + '"'; // some 302 tokens
    embed("\"input\": [" + String.join(",", Collections.nCopies(7, text)) + "]");
    assertThat(heard.stream().map(EmbeddingRequest::size)).containsExactly(3, 3, 1);
    heard.clear();
    String longer = '"' + "x".repeat(9000) + '"';
    assertThat(embed("\"input\": [" + longer + "," + longer + "]").status()).isEqualTo(200);
    assertThat(heard.stream().map(EmbeddingRequest::size)).containsExactly(1, 1);
  }

  @Test
  void namesTheInputAtFaultInTheWholeRequestAndCancelsTheRest() throws Exception {
    worker(
        request ->
            request.id().endsWith("-128")
                ? new Refused(request.id(), Reason.TOO_LONG, 3, "has 9 tokens", 0)
                : null);
    String texts = String.join(",", Collections.nCopies(160, "\"x\""));
    RunningEdge.Answer answer = embed("\"input\": [" + texts + "]");
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.code()).isEqualTo("context_length_exceeded");
    assertThat(answer.param()).isEqualTo("input[131]");
    await().untilAsserted(() -> assertThat(cancelled).hasSize(2));
  }

  @ParameterizedTest
  @CsvSource({
    "TOO_LONG, 400, context_length_exceeded",
    "BAD_TOKENS, 400, invalid_value",
    "FULL, 429, overloaded",
    "LATE, 429, queue_timeout",
    "ENGINE_FAILED, 500, engine_failed",
    "STOPPING, 503, worker_lost",
    "WORKER_LOST, 503, worker_lost",
    "NO_WORKER, 404, model_not_found"
  })
  void aRefusalIsAnError(Reason reason, int status, String code) throws Exception {
    worker(request -> new Refused(request.id(), reason, 0, "is so", 30_000));
    RunningEdge.Answer answer = embed("\"input\": \"a\"");
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.code()).isEqualTo(code);
    boolean again = status == 429 || status == 503;
    assertThat(answer.headers().firstValue("Retry-After").isPresent()).isEqualTo(again);
    if (reason == Reason.FULL) {
      assertThat(answer.headers().firstValue("Retry-After")).contains("30");
    }
  }

  @Test
  void anotherWorkerComputesWhatOneFailedWith() throws Exception {
    AtomicBoolean failed = new AtomicBoolean();
    for (int i = 0; i < 2; i++) {
      worker(
          request ->
              failed.getAndSet(true)
                  ? vectors(request)
                  : new Refused(request.id(), Reason.ENGINE_FAILED, -1, "no", 0));
    }
    assertThat(embed("\"input\": \"a\"").status()).isEqualTo(200);
    assertThat(heard).hasSize(2);
  }

  @Test
  void withoutAWorkerTheModelIsNotThere() throws Exception {
    RunningEdge.Answer answer = embed("\"input\": \"a\"");
    assertThat(answer.status()).isEqualTo(404);
    assertThat(answer.code()).isEqualTo("model_not_found");
  }

  @Test
  void aClientThatGoesAwayCancels() throws Exception {
    worker(request -> null);
    String body = "{\"model\":\"encoder\",\"input\":\"a\"}";
    try (var socket = new java.net.Socket("127.0.0.1", edge.server.address().getPort())) {
      String head =
          "POST "
              + PATH
              + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
              + "Content-Length: "
              + body.length()
              + "\r\n\r\n";
      socket
          .getOutputStream()
          .write((head + body).getBytes(java.nio.charset.StandardCharsets.US_ASCII));
      socket.getOutputStream().flush();
      await().until(() -> heard.size() == 1);
      socket.setSoLinger(true, 0); // a reset, as a killed client's
    }
    await().until(() -> cancelled.equals(List.of(heard.get(0).id())));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'input': 'a'} | missing_required_parameter | model",
        "{'model': 'encoder'} | missing_required_parameter | input",
        "{'model': 'encoder', 'input': null} | missing_required_parameter | input",
        "{'model': 'encoder', 'input': 7} | invalid_type | input",
        "{'model': 'encoder', 'input': {}} | invalid_type | input",
        "{'model': 'encoder', 'input': []} | invalid_value | input",
        "{'model': 'encoder', 'input': ''} | invalid_value | input",
        "{'model': 'encoder', 'input': ['a', '']} | invalid_value | input[1]",
        "{'model': 'encoder', 'input': ['a', 1]} | invalid_type | input[1]",
        "{'model': 'encoder', 'input': [1, 'a']} | invalid_type | input[1]",
        "{'model': 'encoder', 'input': [1, 2.5]} | invalid_type | input[1]",
        "{'model': 'encoder', 'input': [-1]} | invalid_type | input[0]",
        "{'model': 'encoder', 'input': [1, 99999999999]} | invalid_type | input[1]",
        "{'model': 'encoder', 'input': [[1], []]} | invalid_value | input[1]",
        "{'model': 'encoder', 'input': [[1], 'a']} | invalid_type | input[1]",
        "{'model': 'encoder', 'input': [[1, true]]} | invalid_type | input[0][1]",
        "{'model': 'encoder', 'input': [null]} | invalid_type | input[0]",
        "{'model': 'encoder', 'input': 'a', 'encoding_format': 'hex'} | invalid_value |"
            + " encoding_format",
        "{'model': 'encoder', 'input': 'a', 'dimensions': 2} | invalid_value | dimensions",
        "{'model': 'encoder', 'input': 'a', 'dimensions': 0} | invalid_value | dimensions",
        "{'model': 'encoder', 'input': 'a', 'user': 1} | invalid_type | user",
        "{'model': 'fake', 'input': 'a'} | wrong_model_kind | model"
      })
  void aBadFieldIsNamed(String body, String code, String param) throws Exception {
    RunningEdge.Answer answer = edge.post(PATH, body.replace('\'', '"'));
    assertThat(answer.status()).as(answer.body()).isEqualTo(400);
    assertThat(answer.code()).isEqualTo(code);
    assertThat(answer.param()).isEqualTo(param);
  }

  @Test
  void takesAtMost2048Texts() throws Exception {
    worker(EmbeddingRoutesTest::vectors);
    List<String> texts = Collections.nCopies(2049, "\"x\"");
    assertThat(embed("\"input\": [" + String.join(",", texts) + "]").code())
        .isEqualTo("invalid_value");
    assertThat(embed("\"input\": [" + String.join(",", texts.subList(0, 2048)) + "]").status())
        .isEqualTo(200);
  }

  @Test
  void anEncoderAnswersNoMessages() throws Exception {
    String chat = "{\"model\":\"encoder\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    assertWrongKind(edge.post("/v1/chat/completions", chat));
    assertWrongKind(edge.post("/v1/responses", "{\"model\":\"encoder\",\"input\":\"a\"}"));
    RunningEdge.Answer unknown = edge.post(PATH, "{\"model\":\"nobody\",\"input\":\"a\"}");
    assertThat(unknown.status()).isEqualTo(404);
    assertThat(unknown.code()).isEqualTo("model_not_found");
  }

  private static void assertWrongKind(RunningEdge.Answer answer) throws IOException {
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.code()).isEqualTo("wrong_model_kind");
    assertThat(answer.param()).isEqualTo("model");
  }

  @Test
  void theListOfModelsSaysWhatEachIsFor() throws Exception {
    JsonNode data = edge.get("/v1/models").json().path("data");
    assertThat(data.get(0).path("kind").asText()).isEqualTo("chat");
    assertThat(data.get(0).has("dimensions")).isFalse();
    assertThat(data.get(1).path("kind").asText()).isEqualTo("embedding");
    assertThat(data.get(1).path("dimensions").asInt()).isEqualTo(3);
  }
}
