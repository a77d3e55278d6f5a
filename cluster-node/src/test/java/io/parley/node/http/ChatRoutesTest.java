package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.http.FakeSessions.Script;
import io.parley.node.http.RunningEdge.Answer;
import io.parley.node.http.RunningEdge.Event;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.sessions.SessionCommand.Failure;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ChatRoutesTest {
  private static final String PATH = "/v1/chat/completions";
  private static final String HI =
      "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}";

  private RunningEdge edge;

  @BeforeEach
  void start() {
    edge = RunningEdge.start(new FakeSessions());
  }

  @AfterEach
  void stop() {
    edge.close();
  }

  private static String hi(String more) {
    return HI.formatted(more.isEmpty() ? "" : "," + more);
  }

  @Test
  void answersAsOneObject() throws Exception {
    Answer answer = edge.post(PATH, hi(""));

    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.json().at("/choices/0/message/content").asText()).isEqualTo("Hello wörld 😀");
    assertThat(answer.json().at("/choices/0/finish_reason").asText()).isEqualTo("stop");
    assertThat(answer.json().at("/usage/total_tokens").asInt()).isEqualTo(12);
    String session = answer.headers().firstValue("X-Parley-Session").orElseThrow();
    assertThat(session).matches("sess_[a-z2-7]{32}");
    assertThat(answer.json().path("id").asText())
        .isEqualTo("chatcmpl-" + session.substring(5) + "-1");
    assertThat(answer.headers().firstValue("X-Request-Id")).isPresent();
  }

  @Test
  void streamsTheSameTextWithUsageAndDone() throws Exception {
    Answer answer =
        edge.post(PATH, hi("\"stream\":true,\"stream_options\":{\"include_usage\":true}"));

    List<Event> events = answer.events();
    assertThat(answer.headers().firstValue("Content-Type").orElseThrow())
        .startsWith("text/event-stream");
    assertThat(events.get(0).json().at("/choices/0/delta/role").asText()).isEqualTo("assistant");
    assertThat(text(events)).isEqualTo("Hello wörld 😀");
    assertThat(events.get(events.size() - 1).data()).isEqualTo("[DONE]");
    assertThat(events.get(events.size() - 2).json().at("/usage/completion_tokens").asInt())
        .isEqualTo(5);
    assertThat(events).allSatisfy(event -> assertThat(event.id()).startsWith("sess_"));
  }

  private static String text(List<Event> events) throws Exception {
    StringBuilder text = new StringBuilder();
    for (Event event : events) {
      if (!event.data().equals("[DONE]")) {
        text.append(event.json().at("/choices/0/delta/content").asText(""));
      }
    }
    return text.toString();
  }

  @Test
  void goesOnBehindAnyEvent() throws Exception {
    edge.sessions
        .answering(Script.of("a", "", "b", "ü", "", "c").withFinish(FinishReason.LENGTH, "tail"))
        .slicesOf(2);
    String body = hi("\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    List<Event> whole = edge.post(PATH, body, "Idempotency-Key", "k1").events();

    assertThat(text(whole)).isEqualTo("abüctail");
    for (int seen = 0; seen < whole.size(); seen++) {
      List<Event> rest =
          edge.post(PATH, body, "Idempotency-Key", "k1", "Last-Event-ID", whole.get(seen).id())
              .events();
      assertThat(rest).isEqualTo(whole.subList(seen + 1, whole.size()));
    }
    assertThat(edge.sessions.started()).isEqualTo(1);
  }

  @Test
  void readsAnOldTurnFromItsSession() throws Exception {
    List<Event> whole =
        edge.post(PATH, hi("\"stream\":true,\"stream_options\":{\"include_usage\":true}")).events();
    String session = whole.get(0).id().split("\\.")[0];
    String path = "/v1/sessions/" + session + "/turns/1/stream";

    assertThat(edge.get(path).events()).isEqualTo(whole);
    assertThat(edge.get(path, "Last-Event-ID", whole.get(0).id()).events())
        .isEqualTo(whole.subList(1, whole.size()));
    assertThat(edge.get(path, "Last-Event-ID", "rubbish").code())
        .isEqualTo("invalid_last_event_id");
  }

  @Test
  void splitsMessagesIntoHistoryAndInput() throws Exception {
    edge.post(
        PATH,
        """
        {"model":"fake","messages":[{"role":"developer","content":"be kind"},
         {"role":"user","content":"a"},{"role":"assistant","content":"b"},
         {"role":"user","content":[{"type":"text","text":"c"},{"type":"text","text":"d"}]},
         {"role":"user","content":"e"}]}""");

    assertThat(edge.sessions.lastRequest().history())
        .containsExactly(
            new Message(Role.SYSTEM, "be kind"),
            new Message(Role.USER, "a"),
            new Message(Role.ASSISTANT, "b"));
    assertThat(edge.sessions.lastRequest().input())
        .containsExactly(new Message(Role.USER, "cd"), new Message(Role.USER, "e"));
  }

  @Test
  void goesOnInANamedSession() throws Exception {
    String session = edge.post(PATH, hi("")).headers().firstValue("X-Parley-Session").orElseThrow();

    Answer second = edge.post(PATH, hi(""), "X-Parley-Session", session);

    assertThat(second.json().path("id").asText()).endsWith("-2");
    assertThat(second.headers().firstValue("X-Parley-Session")).contains(session);
    assertThat(edge.post(PATH, hi(""), "X-Parley-Session", "sess_nobody").status()).isEqualTo(404);
    assertThat(edge.post(PATH, hi(""), "X-Parley-Session", "../x").status()).isEqualTo(404);
  }

  @Test
  void generatesOnceForOneKey() throws Exception {
    Answer first = edge.post(PATH, hi("\"temperature\":0.5"), "Idempotency-Key", "k");
    Answer again = edge.post(PATH, hi("\"temperature\":0.5"), "Idempotency-Key", "k");
    Answer other = edge.post(PATH, hi("\"temperature\":0.6"), "Idempotency-Key", "k");

    assertThat(again.body()).isEqualTo(first.body());
    assertThat(other.status()).isEqualTo(422);
    assertThat(other.code()).isEqualTo("idempotency_key_reused");
    assertThat(edge.sessions.started()).isEqualTo(1);
  }

  @Test
  void saysWhichTurnIsInTheWay() throws Exception {
    edge.sessions.manual();
    var first = edge.open(PATH, hi("\"stream\":true"), "Idempotency-Key", "k");
    String session = first.headers().firstValue("X-Parley-Session").orElseThrow();

    Answer second = edge.post(PATH, hi(""), "X-Parley-Session", session);

    assertThat(second.status()).isEqualTo(409);
    assertThat(second.code()).isEqualTo("turn_running");
    assertThat(second.json().at("/error/running_turn").asInt()).isEqualTo(1);
    first.body().close();
  }

  @Test
  void failsBeforeTheHeadersAndAfterThem() throws Exception {
    Failure failure = new Failure(FailureCode.CONTEXT_LENGTH_EXCEEDED, "3000 tokens, 2048 fit");
    edge.sessions.answering(Script.of().failing(failure));
    Answer before = edge.post(PATH, hi("\"stream\":true"));
    assertThat(before.status()).isEqualTo(400);
    assertThat(before.code()).isEqualTo("context_length_exceeded");
    assertThat(edge.post(PATH, hi("")).code()).isEqualTo("context_length_exceeded");

    edge.sessions.answering(
        Script.of("a", "b").failing(new Failure(FailureCode.ENGINE_FAILED, "secret")));
    Answer after = edge.post(PATH, hi("\"stream\":true"));
    assertThat(after.status()).isEqualTo(200);
    List<Event> events = after.events();
    assertThat(events.get(events.size() - 1).json().at("/error/code").asText())
        .isEqualTo("engine_failed");
    assertThat(after.body()).doesNotContain("secret").doesNotContain("[DONE]");
    assertThat(edge.post(PATH, hi("")).status()).isEqualTo(500);
  }

  @Test
  void survivesASessionThatDoesNotAnswer() throws Exception {
    edge.sessions.manual().slicesOf(1);
    var stream = edge.open(PATH, hi("\"stream\":true"), "Idempotency-Key", "k");
    edge.sessions.advance(2);
    edge.sessions.refuseNext(
        3, io.parley.sessions.SessionCommand.RefusalReason.JOURNAL_UNAVAILABLE);
    edge.sessions.advance(100);

    String body = new String(stream.body().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);

    assertThat(text(RunningEdge.parse(body))).isEqualTo("Hello wörld 😀");
  }
}
