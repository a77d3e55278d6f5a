package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import io.parley.node.it.EventStream.Event;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node over a real llama-server, which is killed and stopped under it. */
class LlamaServerNightlyIT {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final String PROMPT = "Tell me a long story about a lighthouse and a whale 🐳.";

  @TempDir private static Path folder;
  private static LlamaServer server;
  private static NodeProcess node;
  private static ApiClient api;

  @BeforeAll
  static void start() throws Exception {
    Path model = TestModel.stored().file();
    server = LlamaServer.started(model, folder);
    node =
        NodeProcess.started(
            folder.resolve("node"),
            "--model",
            ApiClient.MODEL + "#upstream=" + server.url(),
            "-D",
            "parley.upstream.stall-timeout=2s",
            "-D",
            "parley.upstream.probe-timeout=2s");
    api = new ApiClient(node);
  }

  @AfterAll
  static void stop() {
    Optional.ofNullable(node).ifPresent(NodeProcess::close);
    Optional.ofNullable(server).ifPresent(LlamaServer::close);
  }

  private static String body(int tokens, String more) {
    return """
    {"model":"%s","max_tokens":%d,"temperature":0,"ignore_eos":true,%s
     "messages":[{"role":"user","content":"%s"}]}\
    """
        .formatted(ApiClient.MODEL, tokens, more, PROMPT);
  }

  private static JsonNode answer(String body) {
    return api.json(api.post("/v1/chat/completions", body));
  }

  @Test
  void itAnswersAndSaysWhatRunsIt() throws Exception {
    JsonNode answer = answer(body(24, ""));
    assertThat(answer.at("/choices/0/message/content").asText()).hasSizeGreaterThan(24);
    assertThat(answer.at("/usage/completion_tokens").asInt()).isEqualTo(24);
    assertThat(answer.at("/choices/0/finish_reason").asText()).isEqualTo("length");
    assertThat(Commands.parley(LIMIT, "model", "ps", "--data", node.data().toString()).success())
        .containsPattern("-upstream +chat +serving +upstream +- +0 MiB +0/2 ");
  }

  @Test
  void stopTextsAndLogProbabilitiesWork() {
    JsonNode whole = answer(body(24, "\"logprobs\":true,\"top_logprobs\":3,"));
    String text = whole.at("/choices/0/message/content").asText();
    JsonNode logProbs = whole.at("/choices/0/logprobs/content");
    assertThat(logProbs).hasSize(24);
    for (JsonNode token : logProbs) {
      assertThat(token.path("logprob").asDouble()).isNegative();
      assertThat(token.path("top_logprobs")).hasSize(3);
    }
    String stop = text.substring(20, 26);
    JsonNode cut = answer(body(24, "\"stop\":[\"" + stop + "\"],"));
    assertThat(cut.at("/choices/0/message/content").asText())
        .isEqualTo(text.substring(0, text.indexOf(stop)));
    assertThat(cut.at("/choices/0/finish_reason").asText()).isEqualTo("stop");
  }

  @Test
  void aCallerThatLeavesFreesTheServersSlot() throws Exception {
    try (EventStream stream =
        api.open(api.post("/v1/chat/completions", body(1500, "\"stream\":true,")))) {
      assertThat(stream.next()).isPresent();
      await().atMost(LIMIT).until(() -> server.busySlots() == 1);
    }
    await().atMost(LIMIT).until(() -> server.busySlots() == 0);
  }

  @Test
  void aKilledServersAnswerGoesOnWhenItIsBack() throws Exception {
    assertGoesOn(
        () -> {
          server.kill();
          server.start();
        });
  }

  @Test
  void aStoppedServersAnswerGoesOnWhenItIsBack() throws Exception {
    assertGoesOn(
        () -> {
          server.signal("STOP");
          await()
              .atMost(LIMIT)
              .until(
                  () ->
                      Commands.parley(LIMIT, "model", "ps", "--data", node.data().toString())
                          .success()
                          .matches("(?s).*-upstream +chat +loading .*"));
          server.signal("CONT");
        });
  }

  private interface Trouble {
    void happens() throws Exception;
  }

  /** No token is lost, and none is said twice: what was shown stays, and 400 come in all. */
  private static void assertGoesOn(Trouble trouble) throws Exception {
    int tokens = 400;
    List<Event> events = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    try (EventStream stream =
        api.open(
            api.post(
                "/v1/chat/completions",
                body(tokens, "\"stream\":true,\"stream_options\":{\"include_usage\":true},")))) {
      for (Optional<Event> next = stream.next(); next.isPresent(); next = stream.next()) {
        events.add(next.get());
        if (!next.get().data().equals("[DONE]")) {
          text.append(next.get().json().at("/choices/0/delta/content").asText(""));
        }
        if (events.size() == 4) {
          trouble.happens();
        }
      }
    }
    JsonNode usage =
        events.stream()
            .filter(event -> event.data().contains("completion_tokens"))
            .reduce((first, second) -> second)
            .orElseThrow()
            .json();
    assertThat(usage.at("/usage/completion_tokens").asInt()).isEqualTo(tokens);
    assertThat(text).doesNotContain("\ufffd").hasSizeGreaterThan(tokens);
  }
}
