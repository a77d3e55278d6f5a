package io.parley.node.bulk;

import static io.parley.node.bulk.Records.line;
import static io.parley.node.bulk.Records.record;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.node.http.BatchTurns;
import io.parley.node.http.FakeSessions;
import io.parley.node.http.FakeSessions.Script;
import io.parley.node.http.HttpSettings;
import io.parley.node.http.ModelCatalog;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.RefusalReason;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BulkRunnerTest {
  private static final ModelInfo MODEL =
      new ModelInfo(new ModelId("fake", "1"), 2048, 0, "tests", "Apache-2.0");
  private static final String BODY =
      """
      {"model": "fake", "messages": [{"role": "user", "content": "Hello"}]}""";
  private static final int TRIES = 3;

  private static Config config;
  private static ActorTestKit kit;

  private final FakeSessions sessions = new FakeSessions();
  private final ModelWaitTest.SetClock clock = new ModelWaitTest.SetClock();
  private volatile boolean served = true;
  private volatile boolean heard = true;
  private final BulkCounters counters = new BulkCounters();
  private final BulkRunner runner = runner();

  @BeforeAll
  static void start() {
    config =
        ConfigFactory.parseString(
                """
                parley.http { ask-backoff = 5ms, reconnect-limit = 0s }
                parley.bulk { tries = 3, model-wait = 60s, retry { min = 1ms, max = 5ms } }
                akka { loglevel = WARNING, actor.provider = local, jvm-shutdown-hooks = off }
                akka.coordinated-shutdown.exit-jvm = off
                """)
            .withFallback(ConfigFactory.load());
    kit = ActorTestKit.create("bulk", config);
  }

  @AfterAll
  static void stop() {
    kit.shutdownTestKit();
  }

  private BulkRunner runner() {
    ModelCatalog models =
        new ModelCatalog() {
          @Override
          public List<ModelInfo> models() {
            return served ? List.of(MODEL) : List.of();
          }

          @Override
          public boolean hasHeard() {
            return heard;
          }

          @Override
          public Optional<ModelInfo> find(String name) {
            return models().stream().filter(model -> model.id().name().equals(name)).findFirst();
          }
        };
    BatchTurns turns = new BatchTurns(kit.system(), HttpSettings.of(config), sessions, models);
    return new BulkRunner(turns, BulkSettings.from(config), kit.system(), clock, counters);
  }

  private static BulkLine read(String body, String... headers) {
    return BulkLine.read(record(line("a", body), headers), 1 << 20);
  }

  private Outcome run(BulkLine line) {
    return get(runner.run(line));
  }

  private static Outcome get(CompletionStage<Outcome> running) {
    return running.toCompletableFuture().orTimeout(30, TimeUnit.SECONDS).join();
  }

  private static Script failing(FailureCode code) {
    return Script.of().failing(new Failure(code, "because"));
  }

  private static void assertDead(Outcome outcome, String code) {
    assertThat(outcome)
        .isInstanceOfSatisfying(
            Outcome.Dead.class, dead -> assertThat(dead.why().code()).isEqualTo(code));
  }

  private static void assertResult(Outcome outcome, int status, String code) {
    assertThat(outcome)
        .isInstanceOfSatisfying(
            Outcome.Result.class,
            result -> {
              assertThat(result.status()).isEqualTo(status);
              assertThat(result.body().at("/error/code").asText()).isEqualTo(code);
            });
  }

  @Test
  void anAnswerIsTheBodyThatHttpWouldGive() {
    Outcome outcome = run(read(BODY));

    assertThat(outcome)
        .isInstanceOfSatisfying(
            Outcome.Result.class,
            result -> {
              assertThat(result.status()).isEqualTo(200);
              assertThat(result.body().path("object").asText()).isEqualTo("chat.completion");
              assertThat(result.body().at("/choices/0/message/content").asText())
                  .startsWith("Hello");
            });
    assertThat(sessions.lastRequest().priority()).isEqualTo(Priority.BULK);
  }

  @Test
  void aLineThatComesAgainFindsItsTurn() {
    BulkLine line = read(BODY, "parley-job", "job");
    Outcome first = run(line);

    assertThat(run(line)).isEqualTo(first);
    assertThat(sessions.started()).isEqualTo(1);
  }

  @Test
  void aCustomIdWithAnotherRequestIsADeadLetter() {
    Outcome unused = run(read(BODY, "parley-job", "job"));

    assertDead(
        run(read(BODY.replace("Hello", "Goodbye"), "parley-job", "job")), "custom_id_reused");
    assertThat(sessions.started()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(names = {"OVERLOADED", "JOURNAL_UNAVAILABLE"})
  void fullnessAndASilentJournalAreWaitedFor(RefusalReason reason) {
    sessions.refuseNext(20, reason);

    assertThat(run(read(BODY)))
        .isInstanceOfSatisfying(
            Outcome.Result.class, result -> assertThat(result.status()).isEqualTo(200));
    assertThat(counters.waitCount()).isEqualTo(20);
    assertThat(sessions.started()).isEqualTo(1);
  }

  @Test
  void aBodyThatHttpWouldRefuseIsADeadLetter() {
    assertDead(run(read("{\"model\": \"fake\"}")), "missing_required_parameter");
    assertDead(
        run(read(BODY.replace("{\"model\"", "{\"stream\": true, \"model\""))),
        "unsupported_parameter");
    assertThat(sessions.started()).isZero();
  }

  @Test
  void aPromptBeyondTheContextIsADeadLetter() {
    sessions.answering(failing(FailureCode.CONTEXT_LENGTH_EXCEEDED));

    assertDead(run(read(BODY)), "context_length_exceeded");
  }

  @Test
  void aModelThatNobodyServesIsADeadLetterOnceItWasWaitedFor() {
    served = false;
    CompletionStage<Outcome> waiting = runner.run(read(BODY));
    await().until(() -> counters.waitCount() > 3);
    assertThat(waiting.toCompletableFuture()).isNotDone();

    clock.add(Duration.ofSeconds(60));

    assertDead(get(waiting), "model_not_found");
  }

  @Test
  void aModelThatComesBackIsUsed() {
    heard = false;
    served = false;
    clock.add(Duration.ofHours(1));
    CompletionStage<Outcome> waiting = runner.run(read(BODY));
    await().until(() -> counters.waitCount() > 3);

    served = true;

    assertThat(get(waiting)).isInstanceOf(Outcome.Result.class);
  }

  @Test
  void aLostWorkerIsTriedAgainAndThenSaidInTheResult() {
    sessions.answering(failing(FailureCode.WORKER_LOST));

    assertResult(run(read(BODY)), 503, "worker_lost");
    assertThat(sessions.started()).as("turns of one session").isEqualTo(TRIES);
    assertThat(sessions.ids()).hasSize(1);
  }

  @Test
  void whoeverRunsALineAgainGoesTheSameWay() {
    sessions.answeringInTurn(
        failing(FailureCode.WORKER_LOST), failing(FailureCode.QUEUE_TIMEOUT), Script.of("Hi"));
    Outcome first = run(read(BODY));
    assertThat(sessions.started()).isEqualTo(3);

    assertThat(run(read(BODY))).isEqualTo(first);
    assertThat(sessions.started()).isEqualTo(3);
  }

  @Test
  void aFullQueueCountsAsNoFailure() {
    Script full = failing(FailureCode.QUEUE_TIMEOUT);
    sessions.answeringInTurn(full, full, full, full, full, Script.of("Hi"));

    assertThat(run(read(BODY)))
        .isInstanceOfSatisfying(
            Outcome.Result.class, result -> assertThat(result.status()).isEqualTo(200));
  }

  @Test
  void anEngineThatFailedIsNotTriedAgain() {
    sessions.answering(failing(FailureCode.ENGINE_FAILED));

    assertResult(run(read(BODY)), 500, "engine_failed");
    assertThat(sessions.started()).isEqualTo(1);
  }

  @Test
  void pastItsDeadlineNothingBegins() {
    clock.add(Duration.ofHours(1));

    assertThat(run(read(BODY, "parley-deadline", Instant.EPOCH.toString())))
        .isInstanceOf(Outcome.Expired.class);
    assertThat(sessions.started()).isZero();
  }

  @Test
  void aTurnThatRunsAtItsDeadlineIsCancelled() {
    sessions.manual();
    BulkLine line = read(BODY, "parley-deadline", Instant.EPOCH.plusMillis(300).toString());
    CompletionStage<Outcome> running = runner.run(line);
    await().until(() -> sessions.started() == 1);
    clock.add(Duration.ofMillis(300));

    assertThat(get(running)).isInstanceOf(Outcome.Expired.class);
    assertThat(sessions.cancelled()).isEqualTo(1);
  }

  @Test
  void anAnswerThatWasReadyBeforeItsDeadlineCountsWheneverItIsAskedFor() {
    BulkLine line = read(BODY, "parley-deadline", Instant.EPOCH.plusSeconds(60).toString());
    Outcome first = run(line);
    clock.add(Duration.ofHours(1));

    assertThat(run(line)).isEqualTo(first);
  }

  @Test
  void anErrorThatNobodyThoughtOfIsAResultAndBlocksNothing() {
    sessions.refuseNext(1, RefusalReason.UNREADABLE);

    assertResult(run(read(BODY)), 500, "session_unreadable");
  }
}
