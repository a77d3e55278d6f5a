package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.http.FakeSessions.Script;
import io.parley.node.http.RunningEdge.Answer;
import io.parley.node.http.RunningEdge.Event;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResponseRoutesTest {
  private static final String PATH = "/v1/responses";

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
    return "{\"model\":\"fake\",\"input\":\"hi\"" + (more.isEmpty() ? "" : "," + more) + "}";
  }

  private String create(String more) throws Exception {
    Answer answer = edge.post(PATH, hi(more));
    assertThat(answer.status()).as(answer.body()).isEqualTo(200);
    return answer.json().path("id").asText();
  }

  @Test
  void answersAsOneObjectThatCanBeFetchedAndDeleted() throws Exception {
    Answer answer =
        edge.post(
            PATH,
            hi("\"instructions\":\"be kind\",\"metadata\":{\"a\":\"b\"},\"truncation\":\"auto\""));

    assertThat(answer.json().path("status").asText()).isEqualTo("completed");
    assertThat(answer.json().at("/output/0/content/0/text").asText()).isEqualTo("Hello wörld 😀");
    assertThat(answer.json().path("metadata").toString()).isEqualTo("{\"a\":\"b\"}");
    assertThat(edge.sessions.lastRequest().instructions()).contains("be kind");
    assertThat(edge.sessions.lastRequest().contextPolicy()).isEqualTo(ContextPolicy.DROP_OLDEST);
    String path = PATH + "/" + answer.json().path("id").asText();
    assertThat(edge.get(path).body()).isEqualTo(answer.body());
    assertThat(edge.get(path + "/input_items").json().at("/data/0/content/0/text").asText())
        .isEqualTo("hi");
    assertThat(edge.send("DELETE", path, new byte[0]).json().path("deleted").asBoolean()).isTrue();
    assertThat(edge.get(path).status()).isEqualTo(404);
  }

  @Test
  void numbersEventsByTheTurnAloneAndResumesBehindAny() throws Exception {
    edge.sessions
        .answering(Script.of("a", "", "b", "ü", "", "c").withFinish(FinishReason.LENGTH, "tail"))
        .slicesOf(2);
    List<Event> whole = edge.post(PATH, hi("\"stream\":true"), "Idempotency-Key", "k").events();

    assertThat(whole.stream().map(Event::name))
        .containsExactly(
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.incomplete");
    String id = whole.get(0).json().at("/response/id").asText();
    StringBuilder text = new StringBuilder();
    for (Event event : whole) {
      if (event.name().equals("response.output_text.delta")) {
        text.append(event.json().path("delta").asText());
      }
    }
    assertThat(text.toString()).isEqualTo("abüctail");
    for (int seen = 0; seen < whole.size(); seen++) {
      List<Event> rest = whole.subList(seen + 1, whole.size());
      int number = whole.get(seen).json().path("sequence_number").asInt();
      assertThat(edge.get(PATH + "/" + id + "?stream=true&starting_after=" + number).events())
          .isEqualTo(rest);
      String eventId = whole.get(seen).id();
      assertThat(
              edge.post(
                      PATH, hi("\"stream\":true"), "Idempotency-Key", "k", "Last-Event-ID", eventId)
                  .events())
          .isEqualTo(rest);
    }
    assertThat(edge.get(PATH + "/" + id + "?stream=true").events()).isEqualTo(whole);
    assertThat(edge.sessions.started()).isEqualTo(1);
  }

  @Test
  void goesOnBehindTheLastResponseAndBranchesBehindAnEarlierOne() throws Exception {
    String first = create("");
    String second = create("\"previous_response_id\":\"" + first + "\"");
    String branch = create("\"previous_response_id\":\"" + first + "\"");

    String session = first.substring(0, first.lastIndexOf('_'));
    assertThat(second).isEqualTo(session + "_2");
    assertThat(branch).doesNotStartWith(session).endsWith("_1");
    assertThat(edge.sessions.lastRequest().history())
        .containsExactly(
            new Message(Role.USER, "hi"), new Message(Role.ASSISTANT, "Hello wörld 😀"));
    Answer missing = edge.post(PATH, hi("\"previous_response_id\":\"resp_none_1\""));
    assertThat(missing.status()).isEqualTo(404);
    assertThat(missing.param()).isEqualTo("previous_response_id");
  }

  @Test
  void repeatsAContinuationByItsKey() throws Exception {
    String first = create("");
    String more = hi("\"previous_response_id\":\"" + first + "\"");

    Answer once = edge.post(PATH, more, "Idempotency-Key", "k");
    Answer again = edge.post(PATH, more, "Idempotency-Key", "k");

    assertThat(again.body()).isEqualTo(once.body());
    assertThat(edge.sessions.started()).isEqualTo(2);
  }

  @Test
  void branchesWhenAnotherTurnOvertakesIt() throws Exception {
    String first = create("");
    SessionId session = edge.sessions.ids().get(0);
    TurnRequest overtaker =
        edge.sessions.lastRequest().withHistory(List.of()); // any request will do
    String more = hi("\"previous_response_id\":\"" + first + "\"");
    edge.sessions.beforeNext(
        SessionCommand.StartTurn.class,
        () ->
            edge.sessions.ask(
                session,
                to ->
                    new SessionCommand.StartTurn(
                        "other", "f", false, Optional.empty(), overtaker, to)));

    Answer branch = edge.post(PATH, more, "Idempotency-Key", "k");

    assertThat(branch.status()).as(branch.body()).isEqualTo(200);
    assertThat(branch.json().path("id").asText())
        .doesNotStartWith(first.substring(0, first.lastIndexOf('_')))
        .endsWith("_1");
    assertThat(edge.sessions.lastRequest().history())
        .containsExactly(
            new Message(Role.USER, "hi"), new Message(Role.ASSISTANT, "Hello wörld 😀"));
    assertThat(edge.post(PATH, more, "Idempotency-Key", "k").body()).isEqualTo(branch.body());
    assertThat(edge.sessions.started()).isEqualTo(3);
  }

  @Test
  void waitsForThePreviousResponseToEnd() throws Exception {
    edge.sessions.manual();
    String running = create("\"background\":true");

    Answer early = edge.post(PATH, hi("\"previous_response_id\":\"" + running + "\""));

    assertThat(early.status()).isEqualTo(409);
    assertThat(early.code()).isEqualTo("turn_running");
    assertThat(early.json().at("/error/running_turn").asInt()).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({"/v1/conversations, 200", "/v1/sessions, 201"})
  void aKeyMeansOneConversation(String path, int status) throws Exception {
    String asked = "{\"metadata\":{\"k\":\"v\"}}";
    Answer made = edge.post(path, asked, "Idempotency-Key", "k");
    assertThat(made.status()).as(made.body()).isEqualTo(status);
    String id = made.json().path("id").asText();
    assertThat(edge.post(path, asked, "Idempotency-Key", "k").json().path("id").asText())
        .isEqualTo(id);

    Answer other = edge.post(path, "", "Idempotency-Key", "k");
    assertThat(other.status()).isEqualTo(422);
    assertThat(other.code()).isEqualTo("idempotency_key_reused");
    assertThat(edge.post(PATH, hi(""), "Idempotency-Key", "k").status()).isEqualTo(422);
  }

  @Test
  void runsInTheBackgroundUntilCancelled() throws Exception {
    edge.sessions.manual();
    Answer queued = edge.post(PATH, hi("\"background\":true"));
    assertThat(queued.json().path("status").asText()).isEqualTo("queued");
    String path = PATH + "/" + queued.json().path("id").asText();
    edge.sessions.advance(2);

    assertThat(edge.get(path).json().path("status").asText()).isEqualTo("in_progress");
    Answer cancelled = edge.post(path + "/cancel", "");
    assertThat(cancelled.json().path("status").asText()).isEqualTo("cancelled");
    assertThat(cancelled.json().at("/output/0/content/0/text").asText()).isEqualTo("Hello");
    assertThat(edge.get(path + "?stream=true").events().get(8).name())
        .isEqualTo("response.output_item.done");
  }

  @Test
  void endsAFailedStreamWithItsEvent() throws Exception {
    edge.sessions.answering(
        Script.of("a").failing(new Failure(FailureCode.WORKER_LOST, "internals")));

    List<Event> events = edge.post(PATH, hi("\"stream\":true")).events();

    Event last = events.get(events.size() - 1);
    assertThat(last.name()).isEqualTo("response.failed");
    assertThat(last.json().at("/response/error/code").asText()).isEqualTo("worker_lost");
    assertThat(edge.post(PATH, hi("")).status()).isEqualTo(503);
  }

  @Test
  void keepsConversations() throws Exception {
    Answer made =
        edge.post(
            "/v1/conversations",
            "{\"items\":[{\"role\":\"system\",\"content\":\"s\"}],\"metadata\":{\"k\":\"v\"}}");
    String id = made.json().path("id").asText();
    create("\"conversation\":\"" + id + "\"");
    String path = "/v1/conversations/" + id;
    edge.post(path + "/items", "{\"items\":[{\"role\":\"user\",\"content\":\"later\"}]}");

    Answer items = edge.get(path + "/items?order=asc&limit=3");
    assertThat(items.json().at("/data/0/role").asText()).isEqualTo("system");
    assertThat(items.json().at("/data/2/content/0/text").asText()).isEqualTo("Hello wörld 😀");
    assertThat(items.json().path("has_more").asBoolean()).isTrue();
    String last = items.json().path("last_id").asText();
    assertThat(
            edge.get(path + "/items?order=asc&after=" + last).json().at("/data/0/content/0/text"))
        .hasToString("\"later\"");
    assertThat(edge.get(path + "/items/" + last).json().path("id").asText()).isEqualTo(last);
    assertThat(edge.post(path, "{\"metadata\":{\"k\":\"w\"}}").json().at("/metadata/k").asText())
        .isEqualTo("w");
    assertThat(edge.send("DELETE", path, new byte[0]).status()).isEqualTo(200);
    assertThat(edge.get(path).status()).isEqualTo(404);
  }

  @Test
  void itemsAddedTwiceWithOneKeyAreAddedOnce() throws Exception {
    String id = edge.post("/v1/conversations", "").json().path("id").asText();
    String items = "/v1/conversations/" + id + "/items";
    String one = "{\"items\":[{\"role\":\"user\",\"content\":\"one\"}]}";
    Answer added = edge.post(items, one, "Idempotency-Key", "k");
    create("\"conversation\":\"" + id + "\"");

    Answer again = edge.post(items, one, "Idempotency-Key", "k");

    assertThat(again.body()).isEqualTo(added.body());
    assertThat(edge.get(items).json().path("data")).hasSize(3);
    Answer other = edge.post(items, one.replace("one", "two"), "Idempotency-Key", "k");
    assertThat(other.status()).isEqualTo(422);
  }

  @Test
  void namesTheFieldOfAPromptThatIsTooLong() throws Exception {
    edge.sessions.answering(
        Script.of().failing(new Failure(FailureCode.CONTEXT_LENGTH_EXCEEDED, "3000, 2048 fit")));
    for (String more : new String[] {"", "\"stream\":true"}) {
      Answer answer = edge.post(PATH, hi(more));
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.param()).isEqualTo("input");
    }
  }

  @Test
  void showsSessionsAndTheirEvents() throws Exception {
    Answer made = edge.post("/v1/sessions", "");
    assertThat(made.status()).isEqualTo(201);
    String id = made.json().path("id").asText();
    edge.post(
        "/v1/chat/completions",
        "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        "X-Parley-Session",
        id);

    assertThat(edge.get("/v1/sessions/" + id).json().at("/turns/0/answer").asText())
        .isEqualTo("Hello wörld 😀");
    assertThat(edge.get("/v1/sessions/" + id + "/turns/1").json().path("status").asText())
        .isEqualTo("completed");
    Answer events = edge.get("/v1/sessions/" + id + "/events?after=2&limit=2");
    assertThat(events.json().at("/data/0/sequence").asInt()).isEqualTo(3);
    assertThat(events.json().path("has_more").asBoolean()).isTrue();
    assertThat(edge.send("DELETE", "/v1/sessions/" + id, new byte[0]).status()).isEqualTo(200);
    assertThat(edge.get("/v1/sessions/" + id + "/events").status()).isEqualTo(404);
  }
}
