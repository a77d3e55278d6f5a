package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.parley.node.chaos.NodeProcess;
import io.parley.node.it.ApiClient.Reply;
import io.parley.node.it.Commands.Result;
import io.parley.node.it.EventStream.Event;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Models come and go while the node serves. */
@ExtendWith(SharedNode.class)
class ModelsIT {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final String PROMPT = "Tell me a long story about a lighthouse.";

  @TempDir private Path folder;

  @Test
  void aModelIsLoadedBesideAnotherAndUnloadedWhileItStreams(NodeProcess node) throws Exception {
    ApiClient api = new ApiClient(node);
    Path second = file("second-story.gguf");

    // loaded while the first one answers
    CountDownLatch begun = new CountDownLatch(1);
    ChatStreamingClient running = new ChatStreamingClient(api, PROMPT, 200);
    CompletableFuture<Void> ran = CompletableFuture.runAsync(() -> running.run(begun::countDown));
    assertThat(begun.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    String id =
        model(node, "load", second.toString(), "--kv-memory", "128MiB", "--slots", "4")
            .success()
            .strip();
    assertThat(id).startsWith("second-story@");
    ran.join();
    assertThat(running.tokensSeen()).isPositive();

    // both serve
    assertThat(chat(api, "second-story", 8).status()).isEqualTo(200);
    assertThat(chat(api, id, 8).status()).isEqualTo(200);
    assertThat(chat(api, ApiClient.MODEL, 8).status()).isEqualTo(200);
    assertThat(ps(node))
        .containsPattern(ApiClient.MODEL + "@\\S+ +chat +serving .* 0/32 ")
        .containsPattern(id + " +chat +serving .* 0/4 ");
    assertThat(refused(model(node, "load", "second-story@none"))).contains("second-story@none");

    // one that is too large is refused with the figures, and harms nobody
    String tooLarge =
        refused(model(node, "load", file("huge.gguf").toString(), "--kv-memory", "1000000GiB"));
    assertThat(tooLarge)
        .contains("'huge@", "does not fit: it needs", "weights", "KV memory", "free");
    assertThat(ps(node)).containsPattern("huge@\\S+ +chat +failed").contains("does not fit");
    model(node, "unload", "huge").success();
    // what is here is not loaded again
    assertThat(refused(model(node, "load", second.toString()))).contains("is here already");

    // unloaded at once while it streams: the answer ends with an error, and the others go on
    List<Event> events = new ArrayList<>();
    try (EventStream stream =
        api.open(api.post("/v1/chat/completions", body("second-story", 4000, true)))) {
      stream.next().ifPresent(events::add);
      model(node, "unload", "second-story@" + id.split("@")[1], "--drain-seconds", "0").success();
      for (Optional<Event> next = stream.next(); next.isPresent(); next = stream.next()) {
        events.add(next.get());
      }
    }
    assertThat(events).hasSizeGreaterThan(1);
    assertThat(events).anyMatch(event -> event.data().contains("model_not_found"));
    Reply gone = chat(api, "second-story", 8);
    assertThat(gone.status()).isEqualTo(404);
    assertThat(gone.json().at("/error/code").asText()).isEqualTo("model_not_found");
    await().atMost(LIMIT).untilAsserted(() -> assertThat(ps(node)).doesNotContain("second-story"));
    assertThat(chat(api, ApiClient.MODEL, 8).status()).isEqualTo(200);
  }

  @Test
  void aSimulatedModelServesAndSaysThatItIsOne(NodeProcess node) throws Exception {
    ApiClient api = new ApiClient(node);
    String id =
        model(node, "load", "simulated#name=trial&decode=500&answer-tokens=0&slots=2")
            .success()
            .strip();
    assertThat(id).startsWith("trial@");
    assertThat(ps(node)).containsPattern(id + " +chat +serving +simulated +- +0 MiB +0/2 ");
    Reply reply = chat(api, "trial", 12);
    assertThat(reply.json().at("/usage/completion_tokens").asInt()).isEqualTo(12);
    assertThat(reply.json().at("/choices/0/message/content").asText()).matches("( [a-z]+[,.]?)+");
    // its next answer to the same prompt finds it in the prefix cache
    assertThat(
            chat(api, "trial", 12).json().at("/usage/prompt_tokens_details/cached_tokens").asInt())
        .isPositive();
    assertThat(refused(model(node, "load", "simulated#speed=5"))).contains("not 'speed=5'");
    model(node, "unload", "trial").success();
  }

  @Test
  void anEncoderIsLoadedAndUnloadedLikeAnyModel(NodeProcess node) throws Exception {
    ApiClient api = new ApiClient(node);
    assertThat(code(embed(api, ApiClient.ENCODER))).isEqualTo("model_not_found");
    assertThat(refused(model(node, "load", ApiClient.ENCODER, "--slots", "4")))
        .contains("makes embeddings: it has no KV memory and no slots");

    String id = model(node, "load", ApiClient.ENCODER).success().strip();

    assertThat(id).startsWith(ApiClient.ENCODER + "@");
    assertThat(ps(node)).containsPattern(id + " +embedding +serving .* MiB ");
    Reply embedded = embed(api, ApiClient.ENCODER);
    assertThat(embedded.status()).isEqualTo(200);
    assertThat(embedded.json().at("/data/0/embedding")).hasSize(384);
    assertThat(code(chat(api, ApiClient.ENCODER, 8))).isEqualTo("wrong_model_kind");
    assertThat(code(embed(api, ApiClient.MODEL))).isEqualTo("wrong_model_kind");
    assertThat(api.send(api.get("/v1/models")).join().body()).contains(id);

    model(node, "unload", ApiClient.ENCODER).success();

    assertThat(code(embed(api, ApiClient.ENCODER))).isEqualTo("model_not_found");
    assertThat(api.send(api.get("/v1/models")).join().body()).doesNotContain(id);
    assertThat(ps(node)).doesNotContain(ApiClient.ENCODER);
  }

  /** The default model's file by another name, which makes it another model. */
  private Path file(String name) throws IOException {
    return Files.createSymbolicLink(folder.resolve(name), TestModel.stored().file());
  }

  private static Reply embed(ApiClient api, String model) {
    String body = "{\"model\":\"" + model + "\",\"input\":\"a lighthouse\"}";
    return api.send(api.post("/v1/embeddings", body)).join();
  }

  private static String code(Reply reply) {
    return reply.json().at("/error/code").asText();
  }

  private static Reply chat(ApiClient api, String model, int tokens) {
    return api.send(api.post("/v1/chat/completions", body(model, tokens, false))).join();
  }

  private static String body(String model, int tokens, boolean stream) {
    return """
    {"model":"%s","max_tokens":%d,"stream":%s,"ignore_eos":true,
     "messages":[{"role":"user","content":"%s"}]}\
    """
        .formatted(model, tokens, stream, PROMPT);
  }

  private static String ps(NodeProcess node) {
    return model(node, "ps").success();
  }

  private static String refused(Result result) {
    assertThat(result.exit()).as(result.out() + result.err()).isNotZero();
    assertThat(result.err().lines().filter(line -> line.startsWith("parley: "))).hasSize(1);
    return result.err();
  }

  private static Result model(NodeProcess node, String... arguments) {
    List<String> command = new ArrayList<>(List.of("model"));
    command.addAll(List.of(arguments));
    command.addAll(List.of("--data", node.data().toString()));
    return Commands.parley(LIMIT, command.toArray(new String[0]));
  }
}
