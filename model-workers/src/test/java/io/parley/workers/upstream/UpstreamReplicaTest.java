package io.parley.workers.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import io.parley.routing.protocol.Work;
import io.parley.workers.engine.simulated.SimulatedText;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import io.parley.workers.upstream.ScriptedUpstream.Dialect;
import io.parley.workers.upstream.ScriptedUpstream.Script;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class UpstreamReplicaTest {
  private static final SimulatedText TEXT = new SimulatedText();
  private static final Duration LONG = Duration.ofMinutes(5);
  private static final SamplingParams GREEDY = SamplingParams.greedy(20);

  private ScriptedUpstream server;
  private Optional<UpstreamReplica> opened = Optional.empty();

  @BeforeEach
  void start() throws IOException {
    server = new ScriptedUpstream();
  }

  @AfterEach
  void stop() {
    opened.ifPresent(UpstreamReplica::close);
    server.close();
  }

  /** With times so long that none ends a test that does not mean it. */
  private static UpstreamSettings settings(Duration stall, Duration probeInterval) {
    return new UpstreamSettings(
        2,
        "key",
        Duration.ofSeconds(10),
        LONG,
        stall,
        probeInterval,
        Duration.ofSeconds(10),
        Duration.ofMillis(1),
        Duration.ofMillis(20));
  }

  private UpstreamReplica replica() {
    return replica(settings(LONG, LONG));
  }

  private UpstreamReplica replica(UpstreamSettings settings) {
    UpstreamReplica replica =
        UpstreamReplica.open(
            Works.INFO, server.spec(), new UpstreamReplica.Text(TEXT, TEXT, 1), settings);
    opened = Optional.of(replica);
    return replica;
  }

  private void script(Script... scripts) {
    synchronized (server.scripts) {
      server.scripts.addAll(List.of(scripts));
    }
  }

  private static Recorder begin(UpstreamReplica replica, Work work) {
    Recorder recorder = new Recorder();
    assertThat(replica.start(work, recorder)).isTrue();
    return recorder;
  }

  private static Recorder run(UpstreamReplica replica, Work work) throws InterruptedException {
    return begin(replica, work).await();
  }

  private static String decoded(List<Integer> ids) {
    StringBuilder text = new StringBuilder();
    ids.forEach(id -> text.append(new String(TEXT.bytes(id), StandardCharsets.UTF_8)));
    return text.toString();
  }

  private static void assertFailed(Recorder recorder, FailureCode code, String message) {
    assertThat(recorder.failure()).contains(code);
    assertThat(recorder.message()).contains(message);
  }

  @ParameterizedTest
  @EnumSource(names = "NO_IDS", mode = EnumSource.Mode.EXCLUDE)
  void tokensComeAsIdsAndTheirTextIsMadeHere(Dialect dialect) throws InterruptedException {
    server.dialect = dialect;
    UpstreamReplica replica = replica();
    Work work = Works.work(1, "hello there", Works.stopping(20));
    Recorder answer = run(replica, work);

    assertThat(answer.ids()).hasSize(20);
    assertThat(answer.answer()).isEqualTo(decoded(answer.ids()));
    assertThat(answer.finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
    JsonNode request = server.requests.get(0);
    int[] prompt = TEXT.encode(work.messages(), java.time.Instant.EPOCH, TEXT);
    assertThat(request.path("prompt")).extracting(JsonNode::asInt).containsExactly(boxed(prompt));
    assertThat(answer.prompt().orElseThrow().promptTokens()).isEqualTo(prompt.length);
    assertThat(answer.prompt().orElseThrow().variant()).isEqualTo("upstream-vllm");
    assertThat(request.path("model").asText()).isEqualTo("served");
    assertThat(request.path("seed").asInt()).isEqualTo(7);
    assertThat(request.path("max_tokens").asInt()).isEqualTo(20);
    assertThat(request.has("stop")).isFalse();
  }

  private static Integer[] boxed(int[] ids) {
    return java.util.Arrays.stream(ids).boxed().toArray(Integer[]::new);
  }

  @Test
  void allWaysOfSamplingAreNamed() throws InterruptedException {
    SamplingParams drawn =
        new SamplingParams(
            0.7, 0.9, 40, 0.05, 1.1, 0.2, 0.3, 1L << 40, List.of("never"), 5, true, false, 0);
    run(replica(), Works.work(1, "hello", drawn));
    JsonNode request = server.requests.get(0);
    assertThat(request.path("temperature").asDouble()).isEqualTo(0.7);
    assertThat(request.path("top_p").asDouble()).isEqualTo(0.9);
    assertThat(request.path("top_k").asInt()).isEqualTo(40);
    assertThat(request.path("min_p").asDouble()).isEqualTo(0.05);
    assertThat(request.path("repetition_penalty").asDouble()).isEqualTo(1.1);
    assertThat(request.path("repeat_penalty").asDouble()).isEqualTo(1.1);
    assertThat(request.path("presence_penalty").asDouble()).isEqualTo(0.2);
    assertThat(request.path("frequency_penalty").asDouble()).isEqualTo(0.3);
    assertThat(request.path("ignore_eos").asBoolean()).isTrue();
    assertThat(request.path("seed").asLong()).isBetween(0L, (long) Integer.MAX_VALUE);
  }

  @Test
  void aResumedAttemptSendsWhatThereIsAndGoesOnBehindIt() throws InterruptedException {
    UpstreamReplica replica = replica();
    Work work = Works.work(1, "hello there", Works.stopping(20));
    List<Integer> whole = run(replica, work).ids();

    List<Integer> joined = new ArrayList<>(whole.subList(0, 8));
    Recorder rest = run(replica, Works.withPrefix(work, joined));
    joined.addAll(rest.ids());

    assertThat(joined).isEqualTo(whole);
    JsonNode first = server.requests.get(0);
    JsonNode second = server.requests.get(1);
    assertThat(second.path("prompt")).hasSize(first.path("prompt").size() + 8);
    assertThat(second.path("max_tokens").asInt()).isEqualTo(12);
    // the same seed would draw the first tokens' numbers again
    assertThat(second.path("seed").asInt()).isNotEqualTo(first.path("seed").asInt());
    // and a whole answer is not asked for
    Recorder nothing = run(replica, Works.withPrefix(work, whole));
    assertThat(nothing.ids()).isEmpty();
    assertThat(nothing.finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(server.requests).hasSize(2);
  }

  @Test
  void aStopTextThatBeganBeforeTheResumptionEndsTheAnswer() throws InterruptedException {
    UpstreamReplica replica = replica();
    List<Integer> whole = run(replica, Works.work(1, "hello", GREEDY)).ids();
    String stop = decoded(whole.subList(7, 9));
    Work work = Works.work(1, "hello", Works.stopping(20, stop));
    script(
        reply -> {
          reply.tokens(1);
          reply.neverEnd();
        });
    Recorder rest = run(replica, Works.withPrefix(work, whole.subList(0, 8)));
    assertThat(rest.finish().orElseThrow().reason()).isEqualTo(FinishReason.STOP);
    assertThat(rest.ids()).isEqualTo(whole.subList(8, 9));
    assertThat(rest.answer()).isEmpty();
    assertThat(server.abandoned.poll(30, TimeUnit.SECONDS)).isNotNull();
  }

  @Test
  void theEndOfGenerationEndsTheAnswerAndIsNoPartOfIt() throws InterruptedException {
    UpstreamReplica replica = replica();
    int end = TEXT.endOfGeneration().iterator().next();
    script(
        reply -> {
          reply.tokens(3);
          reply.token(end, "", "stop");
          reply.done();
        });
    Recorder answer = run(replica, Works.work(1, "hello", GREEDY));
    assertThat(answer.ids()).hasSize(3);
    assertThat(answer.finish().orElseThrow().reason()).isEqualTo(FinishReason.STOP);
    script(
        reply -> {
          reply.tokens(2);
          reply.end("stop");
        });
    assertThat(run(replica, Works.work(2, "hello", GREEDY)).finish().orElseThrow().reason())
        .isEqualTo(FinishReason.STOP);
  }

  @Test
  void tokensThatLlamaCppHoldsBackWithinACharacterAreFound() throws InterruptedException {
    server.dialect = Dialect.LLAMA_CPP;
    byte[] wave = "🌊".getBytes(StandardCharsets.UTF_8);
    script(
        reply -> {
          reply.tokens(1);
          reply.token(wave[3] & 0xff, "🌊", null); // of four tokens, the last one's id
          reply.end("stop");
        });
    Recorder answer = run(replica(), Works.work(1, "hello", GREEDY));
    assertThat(answer.answer()).endsWith("🌊").doesNotContain("\ufffd");
    assertThat(answer.ids()).hasSize(5);
    assertThat(answer.ids().subList(1, 5))
        .containsExactly(wave[0] & 0xff, wave[1] & 0xff, wave[2] & 0xff, wave[3] & 0xff);
  }

  @ParameterizedTest
  @EnumSource(names = "NO_IDS", mode = EnumSource.Mode.EXCLUDE)
  void logProbabilitiesAreTheServers(Dialect dialect) throws InterruptedException {
    server.dialect = dialect;
    SamplingParams sampling =
        new SamplingParams(0, 1, 0, 0, 1, 0, 0, 0, List.of(), 3, false, true, 2);
    Recorder answer = run(replica(), Works.work(1, "hello", sampling));
    assertThat(server.requests.get(0).path("logprobs").asInt()).isEqualTo(2);
    assertThat(server.requests.get(0).path("post_sampling_probs").asBoolean()).isFalse();
    for (Token token : answer.tokens()) {
      assertThat(token.logProb().orElseThrow().logProb()).isEqualTo(-0.25f);
      assertThat(token.logProb().orElseThrow().alternatives())
          .contains(new Alternative(65, "A", -1.5f));
    }
  }

  @Test
  void anAnswerWithAFormIsRefused() throws InterruptedException {
    SamplingParams form =
        GREEDY.withForm(
            Optional.of(AnswerForm.of(new AnswerForm.JsonFormat("any", Optional.empty()))));
    assertFailed(run(replica(), Works.work(1, "hello", form)), FailureCode.FORM_FAILED, "no form");
    assertThat(server.requests).isEmpty();
  }

  @Test
  void whatDoesNotFitTheServersContextIsRefusedHere() throws InterruptedException {
    server.props =
        "{\"default_generation_settings\":{\"n_ctx\":64},\"total_slots\":1,\"model_path\":\"m\"}";
    UpstreamReplica replica = replica();
    assertThat(replica.model().contextLength()).isEqualTo(64);
    assertThat(replica.slots()).isEqualTo(1);
    assertFailed(
        run(replica, Works.work(1, "x9".repeat(200), GREEDY)),
        FailureCode.CONTEXT_LENGTH_EXCEEDED,
        "64");
    Recorder full = run(replica, Works.work(2, "x9".repeat(28), GREEDY));
    assertThat(full.finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(full.prompt().orElseThrow().promptTokens() + full.ids().size()).isEqualTo(64);
  }

  @Test
  void noMoreRequestsRunThanThereAreSlotsAndCancellationFreesOne() throws InterruptedException {
    UpstreamReplica replica = replica();
    script(UpstreamReplicaTest::oneTokenAndNoEnd, UpstreamReplicaTest::oneTokenAndNoEnd);
    SamplingParams many = SamplingParams.greedy(100);
    Recorder first = begin(replica, Works.work(1, "hello", many));
    begin(replica, Works.work(2, "hello", many));
    assertThat(replica.start(Works.work(3, "hello", GREEDY), new Recorder())).isFalse();
    await().until(() -> !first.tokens().isEmpty());

    replica.cancel(Works.id(1));
    assertThat(server.abandoned.poll(30, TimeUnit.SECONDS)).isNotNull();
    assertThat(run(replica, Works.work(3, "hello", GREEDY)).ids()).hasSize(20);
    assertThat(first.verified().isEnded()).isFalse();
  }

  @Test
  void aServerThatFallsSilentLosesTheAttemptOnly() throws InterruptedException {
    UpstreamReplica replica = replica(settings(Duration.ofMillis(200), LONG));
    script(
        reply -> {
          reply.tokens(3);
          reply.hang();
        });
    Recorder stalled = run(replica, Works.work(1, "hello", GREEDY));
    assertFailed(stalled, FailureCode.WORKER_LOST, "said nothing");
    assertThat(stalled.ids()).hasSize(3);
    assertThat(replica.isBroken()).isFalse();
    List<Integer> joined = new ArrayList<>(stalled.ids());
    joined.addAll(run(replica, Works.withPrefix(Works.work(1, "hello", GREEDY), joined)).ids());
    assertThat(joined).isEqualTo(run(replica, Works.work(2, "hello", GREEDY)).ids());
  }

  @Test
  void aSlowServerThatSaysSomethingNowAndThenIsNotStalled() throws InterruptedException {
    UpstreamReplica replica = replica(settings(Duration.ofMillis(400), LONG));
    script(
        reply -> {
          for (int i = 0; i < 6; i++) {
            reply.tokens(1);
            TimeUnit.MILLISECONDS.sleep(100); // a server's pace, longer together than the bound
          }
          reply.end("stop");
        });
    assertThat(run(replica, Works.work(1, "hello", GREEDY)).ids()).hasSize(6);
  }

  @Test
  void anAnswerThatIsCutOffFailsAlone() throws InterruptedException {
    UpstreamReplica replica = replica();
    script(
        reply -> {
          reply.tokens(3);
          throw reply.cut();
        },
        reply -> {
          reply.tokens(3);
          reply.done(); // an end in order, without a reason
        },
        reply -> {
          reply.tokens(2);
          reply.line(
              "error: {\"code\":500,\"message\":\"hello is secret\",\"type\":\"server_error\"}");
        },
        reply -> {
          reply.tokens(2);
          reply.line("data: {\"error\":{\"type\":\"InternalServerError\",\"message\":\"secret\"}}");
        },
        reply -> reply.line("data: {\"choices\":[{\"text\":\"x\",\"token_ids\":[999999]}]}"),
        reply -> reply.line("data: nonsense"),
        reply -> reply.end("abort"));
    assertFailed(next(replica, 1), FailureCode.ENGINE_FAILED, "connection");
    assertFailed(next(replica, 2), FailureCode.ENGINE_FAILED, "cut off");
    Recorder error = next(replica, 3);
    assertFailed(error, FailureCode.ENGINE_FAILED, "server_error, 500");
    assertThat(error.message()).doesNotContain("secret");
    assertThat(error.ids()).hasSize(2);
    assertFailed(next(replica, 4), FailureCode.ENGINE_FAILED, "InternalServerError");
    assertFailed(next(replica, 5), FailureCode.ENGINE_FAILED, "999999");
    assertFailed(next(replica, 6), FailureCode.ENGINE_FAILED, "not JSON");
    assertFailed(next(replica, 7), FailureCode.ENGINE_FAILED, "ended the answer");
    assertThat(next(replica, 8).ids()).hasSize(20);
    assertThat(replica.isBroken()).isFalse();
  }

  private static void oneTokenAndNoEnd(ScriptedUpstream.Reply reply)
      throws IOException, InterruptedException {
    reply.tokens(1);
    reply.neverEnd();
  }

  private static Recorder next(UpstreamReplica replica, int n) throws InterruptedException {
    return run(replica, Works.work(n, "hello", GREEDY));
  }

  @Test
  void aServerWithoutRoomIsAskedAgain() throws InterruptedException {
    UpstreamReplica replica = replica();
    script(reply -> reply.status(503), reply -> reply.status(429, "Retry-After", "3600"));
    assertThat(next(replica, 1).ids()).hasSize(20);
    assertThat(server.requests).hasSize(3);
  }

  @Test
  void aWorkThatNeverGetsRoomFailsAtItsDeadline() throws InterruptedException {
    UpstreamReplica replica = replica();
    for (int i = 0; i < 2000; i++) {
      script(reply -> reply.status(503));
    }
    Work work =
        Works.withDeadline(Works.work(1, "hello", GREEDY), System.currentTimeMillis() + 300);
    Recorder recorder = run(replica, work);
    assertFailed(recorder, FailureCode.QUEUE_TIMEOUT, "no room in time");
    assertThat(recorder.prompt()).isEmpty();
    assertThat(replica.isBroken()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "400, PROMPT_FAILED, false",
    "500, ENGINE_FAILED, false",
    "502, ENGINE_FAILED, false",
    "401, ENGINE_FAILED, true",
    "404, ENGINE_FAILED, true"
  })
  void otherStatusesFailTheAttemptOrTheReplica(int status, FailureCode code, boolean broken)
      throws InterruptedException {
    UpstreamReplica replica = replica();
    script(reply -> reply.status(status));
    assertFailed(next(replica, 1), code, "HTTP " + status);
    assertThat(replica.isBroken()).isEqualTo(broken);
  }

  @Test
  void aDeadServerBreaksTheReplicaAndServesAgainWhenItIsBack() throws Exception {
    UpstreamReplica replica = replica();
    script(
        reply -> {
          reply.tokens(3);
          reply.hang();
        });
    Recorder running = begin(replica, Works.work(1, "hello", GREEDY));
    await().until(() -> running.tokens().size() == 3);
    int port = server.port();
    server.close();

    assertThat(running.await().failure()).contains(FailureCode.ENGINE_FAILED);
    await().until(replica::isBroken); // it looked after the server at once
    assertThat(run(replica, Works.work(2, "hello", GREEDY)).failure())
        .contains(FailureCode.ENGINE_FAILED);
    replica.close();
    assertThatThrownBy(this::replica)
        .isInstanceOf(UpstreamException.class)
        .hasMessageContaining("cannot be reached");

    server = new ScriptedUpstream(port);
    List<Integer> joined = new ArrayList<>(running.ids());
    joined.addAll(run(replica(), Works.withPrefix(Works.work(1, "hello", GREEDY), joined)).ids());
    assertThat(joined).hasSize(20);
  }

  @Test
  void aServerThatIsIllTwiceInARowBreaksTheReplicaAndOnceDoesNot() throws InterruptedException {
    UpstreamReplica replica = replica(settings(LONG, LONG));
    script(reply -> reply.status(500), reply -> reply.status(500), reply -> reply.status(500));
    server.health = 503;
    next(replica, 1); // a failure makes it look
    server.health = 200;
    next(replica, 2);
    assertThat(replica.isBroken()).isFalse();

    UpstreamReplica watchful = replica(settings(LONG, Duration.ofMillis(5)));
    server.health = 503;
    await().until(watchful::isBroken);
    replica.close();
  }

  @Test
  void aServerThatCannotBeDrivenIsRefusedWithTheReason() {
    server.otherVocabulary = true;
    assertThatThrownBy(this::replica).hasMessageContaining("another vocabulary than model");
    server.otherVocabulary = false;
    server.dialect = Dialect.NO_IDS;
    assertThatThrownBy(this::replica).hasMessageContaining("no token ids");
    server.dialect = Dialect.VLLM;
    server.models = "{\"data\":[{\"id\":\"one\"},{\"id\":\"two\"}]}";
    assertThatThrownBy(this::replica)
        .isInstanceOf(UpstreamException.class)
        .hasMessageContaining("serves one, two; say which of them with &as=NAME");
    server.models = "<html>";
    assertThatThrownBy(this::replica).hasMessageContaining("something else than JSON");
  }

  @Test
  void closeFailsWhatRunsAndLaterWorks() throws InterruptedException {
    UpstreamReplica replica = replica();
    script(UpstreamReplicaTest::oneTokenAndNoEnd);
    Recorder running = begin(replica, Works.work(1, "hello", SamplingParams.greedy(100)));
    await().until(() -> !running.tokens().isEmpty());
    replica.close();
    assertThat(running.await().failure()).contains(FailureCode.WORKER_LOST);
    assertThat(run(replica, Works.work(2, "hello", GREEDY)).failure())
        .contains(FailureCode.WORKER_LOST);
    assertThat(replica.isBroken()).isFalse();
    assertThat(server.abandoned.poll(30, TimeUnit.SECONDS)).isNotNull();
  }
}
