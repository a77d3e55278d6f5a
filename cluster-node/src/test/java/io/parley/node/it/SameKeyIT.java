package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import io.parley.node.it.ApiClient.Reply;
import io.parley.node.it.EventStream.Event;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** However often a request is sent with one key, there is one turn. */
@ExtendWith(SharedNode.class)
class SameKeyIT {
  private static final int CALLERS = 50;
  private static final int TOKENS = 40;
  private static final String PATH = "/v1/chat/completions";
  private static final String PROMPT = "Tell me about lighthouses.";

  private final String key = UUID.randomUUID().toString();

  @Test
  void generatesOnceAndAnswersAllTheSame(NodeProcess node) throws IOException {
    ApiClient api = new ApiClient(node);

    List<CompletableFuture<Reply>> calls =
        IntStream.range(0, CALLERS).mapToObj(caller -> call(api, PROMPT, caller % 2 == 1)).toList();
    List<Reply> replies = calls.stream().map(CompletableFuture::join).toList();

    assertThat(replies).extracting(Reply::status).containsOnly(200);
    List<String> wholes = new ArrayList<>();
    List<List<Event>> streams = new ArrayList<>();
    for (int caller = 0; caller < CALLERS; caller++) {
      if (caller % 2 == 1) {
        streams.add(events(replies.get(caller)));
      } else {
        wholes.add(replies.get(caller).body());
      }
    }
    assertThat(wholes).as("whole answers").containsOnly(wholes.get(0));
    String answer = ApiClient.parse(wholes.get(0)).at("/choices/0/message/content").asText();
    ChatStreamingClient reader = new ChatStreamingClient(api, PROMPT, TOKENS);
    assertThat(streams)
        .extracting(events -> String.join("", events.stream().map(reader::textOf).toList()))
        .as("streamed answers")
        .containsOnly(answer);
    assertOneGeneration(api, streams.get(0).get(0).id().split("\\.")[0]);

    Reply other = call(api, "Something else.", false).join();
    assertThat(other.status()).as(other.body()).isEqualTo(422);
  }

  private CompletableFuture<Reply> call(ApiClient api, String prompt, boolean stream) {
    String body = ChatStreamingClient.body(prompt, TOKENS, stream);
    return api.send(api.post(PATH, body, "Idempotency-Key", key));
  }

  private static List<Event> events(Reply reply) throws IOException {
    List<Event> events = new ArrayList<>();
    byte[] body = reply.body().getBytes(StandardCharsets.UTF_8);
    try (EventStream stream = new EventStream(new ByteArrayInputStream(body))) {
      Optional<Event> event = stream.next();
      while (event.isPresent()) {
        events.add(event.get());
        event = stream.next();
      }
    }
    return events;
  }

  private static void assertOneGeneration(ApiClient api, String session) {
    JsonNode turns = api.json(api.get("/v1/sessions/" + session)).path("turns");
    assertThat(turns).hasSize(1);
    assertThat(turns.get(0).path("attempts").asInt()).as("attempts").isEqualTo(1);
    JournaledSession journaled = new JournaledSession(api, session);
    journaled.assertSound();
    assertThat(journaled.events())
        .extracting(event -> event.path("type").asText())
        .containsOnlyOnce("turn-started.v1", "attempt-started.v1", "turn-completed.v1");
  }
}
