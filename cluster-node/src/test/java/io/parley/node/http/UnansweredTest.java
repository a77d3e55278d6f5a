package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.parley.node.http.RunningEdge.Answer;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.RefusalReason;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a turn when its caller was told 503 and cannot ask for it again. */
class UnansweredTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String WISH = "X-Parley-On-Disconnect";
  private static final String HI =
      "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
  private static final String RESPONSE_HI = "{\"model\":\"fake\",\"input\":\"hi\"}";

  private RunningEdge edge;

  @BeforeEach
  void start() {
    edge =
        RunningEdge.start(
            new FakeSessions().manual(),
            "parley.http.reconnect-limit = 1m",
            "parley.http.retry-after = 1s");
  }

  @AfterEach
  void stop() {
    edge.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {CHAT + "|" + HI, "/v1/responses|" + RESPONSE_HI})
  void cancelsATurnThatBeganUnanswered(String path, String body) throws Exception {
    edge.sessions.loseNextAnswers(2); // of the start, and of the first look for its turn

    Answer answer = edge.post(path, body);

    assertThat(answer.code()).isEqualTo("journal_unavailable");
    assertThat(edge.sessions.started()).isEqualTo(1);
    await().until(() -> edge.sessions.cancelled() == 1);
  }

  @Test
  void cancelsAContinuationWhereverItBegan() throws Exception {
    CompletableFuture<Answer> first = postLater("/v1/responses", RESPONSE_HI);
    await().until(edge.sessions::isRunning);
    edge.sessions.advance(100);
    String previous = first.get().json().path("id").asText();
    edge.sessions.beforeNext(
        SessionCommand.StartTurn.class, () -> edge.sessions.loseNextAnswers(1));

    Answer answer =
        edge.post(
            "/v1/responses",
            RESPONSE_HI.replace("}", ",\"previous_response_id\":\"" + previous + "\"}"));

    assertThat(answer.code()).isEqualTo("journal_unavailable");
    await().until(() -> edge.sessions.cancelled() == 1);
    assertThat(edge.sessions.started()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        CHAT + "|" + HI + "|continue",
        "/v1/responses|" + RESPONSE_HI + "|continue",
        "/v1/responses|{\"model\":\"fake\",\"input\":\"hi\",\"background\":true}|continue"
      })
  void cancelsATurnThatNobodyCanAskForWhateverTheReaderWished(String path, String body, String wish)
      throws Exception {
    edge.sessions.loseNextAnswers(1);

    assertThat(edge.post(path, body, WISH, wish).status()).isEqualTo(503);

    await().until(() -> edge.sessions.cancelled() == 1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        CHAT + "|" + HI + "|continue",
        CHAT + "|" + HI + "|cancel",
        "/v1/responses|" + RESPONSE_HI + "|cancel"
      })
  void leavesATurnWithAKeyToWhoeverAsksAgain(String path, String body, String wish)
      throws Exception {
    String[] headers = {"Idempotency-Key", "k", WISH, wish};
    edge.sessions.loseNextAnswers(1);
    assertThat(edge.post(path, body, headers).status()).isEqualTo(503);
    CompletableFuture<Answer> again = postLater(path, body, headers);
    await().until(() -> edge.sessions.reads() == 1);
    edge.sessions.advance(100);

    assertThat(again.get().status()).isEqualTo(200);
    assertThat(edge.sessions.started()).isEqualTo(1);
    assertThat(edge.sessions.cancelled()).isZero();
  }

  @Test
  void leavesATurnWithAKeyThatCanBeReadNoFurther() throws Exception {
    edge.close();
    edge = RunningEdge.start(new FakeSessions().manual(), "parley.http.reconnect-limit = 0s");
    String[] headers = {"Idempotency-Key", "k", WISH, "cancel"};
    edge.sessions.beforeNext(
        SessionCommand.ReadTurn.class,
        () -> edge.sessions.refuseNext(1, RefusalReason.JOURNAL_UNAVAILABLE));
    CompletableFuture<Answer> answer = postLater(CHAT, HI, headers);
    await().until(() -> edge.sessions.reads() == 1);
    edge.sessions.advance(1);
    assertThat(answer.get().code()).isEqualTo("journal_unavailable");
    edge.sessions.advance(100);

    assertThat(edge.post(CHAT, HI, headers).status()).isEqualTo(200);
    assertThat(edge.sessions.cancelled()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"true", "false"})
  void cancelsATurnThatCanBeReadNoFurther(String stream) throws Exception {
    edge.close();
    edge = RunningEdge.start(new FakeSessions().manual(), "parley.http.reconnect-limit = 0s");
    edge.sessions.beforeNext(
        SessionCommand.ReadTurn.class,
        () -> edge.sessions.refuseNext(1, RefusalReason.JOURNAL_UNAVAILABLE));
    CompletableFuture<Answer> answer =
        postLater(CHAT, HI.replace("}]}", "}],\"stream\":" + stream + "}"));
    await().until(() -> edge.sessions.reads() == 1);

    edge.sessions.advance(1);

    assertThat(answer.get().body()).contains("journal_unavailable");
    await().until(() -> edge.sessions.cancelled() == 1);
  }

  private CompletableFuture<Answer> postLater(String path, String body, String... headers) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return edge.post(path, body, headers);
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
  }
}
