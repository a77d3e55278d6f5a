package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.http.RunningEdge.Answer;
import io.parley.node.http.RunningEdge.Event;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Decision;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Idle;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionAction;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.domain.SessionLimits;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a {@code Last-Event-ID} that does not belong to the request does: nothing. */
class LastEventIdTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String HI =
      "{\"model\":\"fake\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
  private static final String RESPONSES = "/v1/responses";
  private static final String RESPONSE_HI = "{\"model\":\"fake\",\"stream\":true,\"input\":\"hi\"}";

  private RunningEdge edge;

  @BeforeEach
  void start() {
    edge = RunningEdge.start(new FakeSessions());
  }

  @AfterEach
  void stop() {
    edge.close();
  }

  private List<Event> events(String path, String body, String... headers) throws Exception {
    Answer answer = edge.post(path, body, headers);
    assertThat(answer.status()).as(answer.body()).isEqualTo(200);
    return answer.events();
  }

  private static void isRefused(Answer answer) throws Exception {
    assertThat(answer.status()).as(answer.body()).isEqualTo(400);
    assertThat(answer.code()).isEqualTo("invalid_last_event_id");
    assertThat(answer.param()).isEqualTo("Last-Event-ID");
  }

  @Test
  void ofAnotherTurnBeginsNoneInANamedSession() throws Exception {
    String seen = events(CHAT, HI, "Idempotency-Key", "k1").get(0).id();
    String session = seen.split("\\.")[0];

    Answer answer =
        edge.post(
            CHAT, HI, "X-Parley-Session", session, "Idempotency-Key", "k2", "Last-Event-ID", seen);

    isRefused(answer);
    assertThat(edge.sessions.started()).isEqualTo(1);
    // the same request without the header begins the turn
    events(CHAT, HI, "X-Parley-Session", session, "Idempotency-Key", "k2");
    assertThat(edge.sessions.started()).isEqualTo(2);
  }

  @Test
  void ofATurnThatIsNotThereYetBeginsNone() throws Exception {
    String session = events(CHAT, HI, "Idempotency-Key", "k1").get(0).id().split("\\.")[0];

    isRefused(
        edge.post(
            CHAT,
            HI,
            "X-Parley-Session",
            session,
            "Idempotency-Key",
            "k2",
            "Last-Event-ID",
            session + ".2.0.1"));
    assertThat(edge.sessions.started()).isEqualTo(1);
  }

  @Test
  void ofAnotherConversationBeginsNoResponse() throws Exception {
    String seen = events(RESPONSES, RESPONSE_HI, "Idempotency-Key", "k1").get(0).id();

    isRefused(edge.post(RESPONSES, RESPONSE_HI, "Idempotency-Key", "k2", "Last-Event-ID", seen));
    assertThat(edge.sessions.started()).isEqualTo(1);
  }

  @Test
  void goesOnInTheSessionWhereTheKeysResponseBegan() throws Exception {
    Event first = events(RESPONSES, RESPONSE_HI, "Idempotency-Key", "k1").get(0);
    String previous = first.json().at("/response/id").asText();
    String more = RESPONSE_HI.replace("}", ",\"previous_response_id\":\"" + previous + "\"}");
    List<Event> onward = events(RESPONSES, more, "Idempotency-Key", "k2");
    List<Event> branch = events(RESPONSES, more, "Idempotency-Key", "k3");

    for (List<Event> whole : List.of(onward, branch)) {
      String key = whole == onward ? "k2" : "k3";
      String seen = whole.get(2).id();
      assertThat(events(RESPONSES, more, "Idempotency-Key", key, "Last-Event-ID", seen))
          .isEqualTo(whole.subList(3, whole.size()));
    }
    assertThat(edge.sessions.started()).isEqualTo(3);
  }

  @Test
  void ofAnEventThatAnEndedTurnHasNotIsRefused() throws Exception {
    String chat = events(CHAT, HI, "Idempotency-Key", "k1").get(0).id().split("\\.")[0];
    String response =
        events(RESPONSES, RESPONSE_HI, "Idempotency-Key", "k2").get(0).id().split("\\.")[0];
    String resp = "/v1/responses/resp_" + response.substring(5) + "_1?stream=true";
    // five tokens
    for (String place : List.of("6.1", "999999999.5", "5.6", "4.3", "0.4")) {
      String id = chat + ".1." + place;
      isRefused(edge.post(CHAT, HI, "Idempotency-Key", "k1", "Last-Event-ID", id));
      isRefused(edge.get("/v1/sessions/" + chat + "/turns/1/stream", "Last-Event-ID", id));
    }
    for (String place : List.of("6.4", "5.10", "4.5", "3.1", "0.5")) {
      String id = response + ".1." + place;
      isRefused(edge.post(RESPONSES, RESPONSE_HI, "Idempotency-Key", "k2", "Last-Event-ID", id));
      isRefused(edge.get(resp, "Last-Event-ID", id));
    }
    Answer last = edge.get(resp + "&starting_after=13");
    assertThat(last.status()).isEqualTo(200);
    assertThat(last.events()).isEmpty();
    Answer beyond = edge.get(resp + "&starting_after=14");
    assertThat(beyond.status()).isEqualTo(400);
    assertThat(beyond.param()).isEqualTo("starting_after");
  }

  @Test
  void ofTheEndOfATurnThatRunsIsRefused() throws Exception {
    edge.sessions.manual();
    Answer begun =
        edge.post(RESPONSES, "{\"model\":\"fake\",\"input\":\"hi\",\"background\":true}");
    edge.sessions.advance(2);
    String session = begun.headers().firstValue("X-Parley-Session").orElseThrow();

    isRefused(
        edge.get(
            "/v1/sessions/" + session + "/turns/1/stream", "Last-Event-ID", session + ".1.1.3"));
  }

  /** The edge relies on it when it only looks for the turn of a key. */
  @Test
  void noSessionBeginsATurnWhereOnlyAKnownOneIsWanted() throws Exception {
    events(CHAT, HI);
    SessionId id = edge.sessions.ids().get(0);
    Turns.Start first = new Turns.Start(id, "k1", "f", true, edge.sessions.lastRequest());
    Turns.Start other = new Turns.Start(id, "k2", "f", true, edge.sessions.lastRequest());
    SessionLimits limits = new SessionLimits(10, 1000, 1000, 5);
    Session absent = new Absent();
    Session generating = absent;
    for (SessionEvent event :
        ((Decision.Accept) absent.decide(action(first), 1, limits)).events()) {
      generating = generating.apply(event);
    }
    Session idle = generating.apply(new SessionEvent.TurnCancelled(2, 1));

    assertThat(generating).isInstanceOf(Generating.class);
    assertThat(idle).isInstanceOf(Idle.class);
    assertThat(absent.decide(action(first.onlyIfKnown()), 3, limits))
        .isInstanceOfSatisfying(
            Decision.Refuse.class,
            refused -> assertThat(refused.reason()).isEqualTo(RefusalReason.NOT_FOUND));
    for (Session there : List.of(generating, idle)) {
      assertThat(there.decide(action(first.onlyIfKnown()), 3, limits))
          .isEqualTo(new Decision.AnswerAgain(new Decision.Outcome.Turn(1, true)));
      assertThat(there.decide(action(other.onlyIfKnown()), 3, limits))
          .isInstanceOfSatisfying(
              Decision.Refuse.class,
              refused -> assertThat(refused.reason()).isEqualTo(RefusalReason.TURN_NOT_LAST));
    }
  }

  private static SessionAction action(Turns.Start start) {
    return new SessionAction.StartTurn(
        start.key(),
        start.fingerprint(),
        start.createIfAbsent(),
        start.afterTurn(),
        start.request());
  }
}
