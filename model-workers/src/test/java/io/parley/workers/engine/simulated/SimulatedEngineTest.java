package io.parley.workers.engine.simulated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Through the replica that a worker drives, in a time of its own where time matters. */
class SimulatedEngineTest {
  private static final int SLOTS = 8;
  private static final String NO_TIME = "decode=0&prefill=0";

  /** Moves when somebody sleeps. */
  private static final class Clock implements Pace.Time {
    private long nanos;

    @Override
    public synchronized long nanos() {
      return nanos;
    }

    @Override
    public synchronized void sleepUntil(long dueNanos) {
      nanos = Math.max(nanos, dueNanos);
    }

    double seconds() {
      return nanos() / 1e9;
    }
  }

  private final Clock clock = new Clock();

  private static SimulatedSettings settings(String options) {
    return SimulatedSettings.of(ConfigFactory.defaultReference(), "simulated#" + options);
  }

  private EngineReplica replica(SimulatedSettings settings) {
    return replica(settings, new SimulatedFaults(settings));
  }

  private EngineReplica replica(SimulatedSettings settings, SimulatedFaults faults) {
    SimulatedText text = new SimulatedText();
    ModelInfo info =
        new ModelInfo(settings.id(), settings.contextLength(), 0, "parley", "Apache-2.0");
    return new EngineReplica(
        info,
        new SimulatedEngine(settings, faults, SLOTS, 512, clock),
        text,
        text,
        new BatcherSettings(SLOTS, 512, 128, true, 64, 2, 32, 16));
  }

  private static SamplingParams drawn(long seed, int maxTokens) {
    return new SamplingParams(
        0.8, 0.95, 0, 0, 1, 0, 0, seed, List.of(), maxTokens, false, false, 0);
  }

  private static Recorder run(EngineReplica replica, Work work) throws InterruptedException {
    Recorder recorder = new Recorder();
    replica.start(work, recorder);
    return recorder.await();
  }

  @Test
  void anAnswerIsSentencesAndItsTokensAreThoseOfItsText() throws InterruptedException {
    try (EngineReplica replica = replica(settings(NO_TIME + "&answer-tokens=40"))) {
      for (int n = 0; n < 20; n++) {
        Recorder answer = run(replica, Works.work(n, "Tell me of " + n, drawn(n, 2000)));
        assertThat(answer.finish().orElseThrow().reason()).isEqualTo(FinishReason.STOP);
        assertThat(answer.answer()).matches("( [a-z]+[,.]?)+\\.");
        int[] again = new SimulatedText().encode(answer.answer(), false);
        assertThat(again).isEqualTo(answer.ids().stream().mapToInt(Integer::intValue).toArray());
      }
    }
  }

  @Test
  void anotherWorkerOfAnotherSpeedGoesOnExactly() throws InterruptedException {
    for (SamplingParams sampling : List.of(SamplingParams.greedy(60), drawn(7, 60))) {
      Work work = Works.work(1, "What is a lighthouse for?", sampling);
      List<Integer> whole;
      try (EngineReplica first = replica(settings("answer-tokens=0"))) {
        whole = run(first, work).ids();
        assertThat(whole).hasSize(60);
      }
      try (EngineReplica second = replica(settings("answer-tokens=0&decode=3&kv-tokens=4096"))) {
        for (int n = 2; n < 6; n++) { // others beside it
          second.start(Works.work(n, "Something else", drawn(n, 100)), new Recorder());
        }
        List<Integer> joined = new ArrayList<>(whole.subList(0, 23));
        joined.addAll(run(second, Works.withPrefix(work, joined)).ids());
        assertThat(joined).isEqualTo(whole);
      }
    }
  }

  @Test
  void promptAndSeedDecideTheAnswer() throws InterruptedException {
    try (EngineReplica replica = replica(settings(NO_TIME))) {
      List<Integer> one = run(replica, Works.work(1, "one", drawn(1, 30))).ids();
      assertThat(run(replica, Works.work(2, "one", drawn(1, 30))).ids()).isEqualTo(one);
      assertThat(run(replica, Works.work(3, "one", drawn(2, 30))).ids()).isNotEqualTo(one);
      assertThat(run(replica, Works.work(4, "two", drawn(1, 30))).ids()).isNotEqualTo(one);
    }
  }

  @Test
  void answersEndByThemselvesAfterSoManyTokensOnAverage() throws InterruptedException {
    long tokens = 0;
    int answers = 300;
    try (EngineReplica replica = replica(settings(NO_TIME + "&answer-tokens=50"))) {
      for (int n = 0; n < answers; n++) {
        SamplingParams sampling = n % 2 == 0 ? SamplingParams.greedy(5000) : drawn(n, 5000);
        tokens += run(replica, Works.work(n, "question " + n, sampling)).ids().size();
      }
    }
    assertThat(tokens / (double) answers).isCloseTo(50, within(15.0));
  }

  @Test
  void theSetSpeedIsTheSpeed() throws InterruptedException {
    SamplingParams hundred = SamplingParams.greedy(101);
    try (EngineReplica replica =
        replica(settings("decode=50&decode-all=200&prefill=1000&answer-tokens=0"))) {
      double before = clock.seconds();
      Recorder alone = run(replica, Works.work(0, "x".repeat(990), hundred));
      int prompt = alone.prompt().orElseThrow().promptTokens();
      assertThat(clock.seconds() - before).isCloseTo(prompt / 1000.0 + 100 / 50.0, within(0.001));
    }
    // all slots at once: each step gives a token to each, 200 a second together
    SimulatedSettings full = settings("decode=50&decode-all=200&prefill=0");
    assertThat(full.stepNanos(SLOTS, 0, SLOTS) / 1e9).isCloseTo(SLOTS / 200.0, within(1e-6));
    assertThat(full.stepNanos(1, 0, SLOTS) / 1e9).isCloseTo(1 / 50.0, within(1e-6));
    assertThat(settings("decode=50").stepNanos(SLOTS, 0, SLOTS) / 1e9)
        .isCloseTo(1 / 50.0, within(1e-6));
  }

  @Test
  void theNextTurnFindsItsPrefixAndPaysForTheRest() throws InterruptedException {
    try (EngineReplica replica = replica(settings("decode=0&prefill=1000&answer-tokens=30"))) {
      List<Message> messages =
          new ArrayList<>(List.of(new Message(Role.USER, "a question of words ".repeat(60))));
      Work first = Works.work(1, messages.get(0).content(), drawn(3, 400));
      Recorder answer = run(replica, first);
      assertThat(answer.prompt().orElseThrow().cachedTokens()).isZero();
      messages.add(new Message(Role.ASSISTANT, answer.answer()));
      messages.add(new Message(Role.USER, "and then?"));
      double before = clock.seconds();
      Recorder next = run(replica, withMessages(first, messages));
      int known = answer.prompt().orElseThrow().promptTokens() + answer.ids().size();
      int cached = next.prompt().orElseThrow().cachedTokens();
      assertThat(cached).isBetween(known - 1, known);
      int computed = next.prompt().orElseThrow().promptTokens() - cached;
      assertThat(clock.seconds() - before).isCloseTo(computed / 1000.0, within(0.001));
    }
  }

  private static Work withMessages(Work work, List<Message> messages) {
    return new Work(
        Works.id(99),
        work.model(),
        messages,
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis());
  }

  @Test
  void limitsAndStopTextsEndAnAnswer() throws InterruptedException {
    try (EngineReplica replica = replica(settings(NO_TIME + "&answer-tokens=0"))) {
      Recorder whole = run(replica, Works.work(1, "hello", Works.stopping(40)));
      assertThat(whole.ids()).hasSize(40);
      assertThat(whole.finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
      String stop = whole.answer().substring(30, 40);
      Recorder cut = run(replica, Works.work(2, "hello", Works.stopping(40, stop)));
      assertThat(cut.answer()).isEqualTo(whole.answer().substring(0, whole.answer().indexOf(stop)));
      Recorder tooLong = run(replica, Works.work(3, "x9".repeat(8000), Works.stopping(40)));
      assertThat(tooLong.failure()).contains(FailureCode.CONTEXT_LENGTH_EXCEEDED);
    }
  }

  @Test
  void anAnswerKeepsToItsForm() throws Exception {
    String schema =
        """
        {"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},
         "required":["name","age"],"additionalProperties":false}\
        """;
    Optional<AnswerForm> form =
        Optional.of(AnswerForm.of(new AnswerForm.JsonFormat("person", Optional.of(schema))));
    try (EngineReplica replica = replica(settings(NO_TIME))) {
      for (int n = 0; n < 20; n++) {
        SamplingParams sampling = n == 0 ? SamplingParams.greedy(500) : drawn(n, 500);
        Recorder answer = run(replica, Works.work(n, "who?", sampling.withForm(form)));
        assertThat(answer.finish().orElseThrow().reason()).isEqualTo(FinishReason.STOP);
        JsonNode person = new ObjectMapper().readTree(answer.answer());
        assertThat(person.path("name").isTextual()).isTrue();
        assertThat(person.path("age").isIntegralNumber()).isTrue();
      }
    }
  }

  @Test
  void attemptsFailAsOftenAsSaidAndTheSameOnesEachTime() throws InterruptedException {
    SimulatedSettings settings = settings(NO_TIME + "&answer-tokens=0&failures=0.01&fault-seed=5");
    List<Boolean> first = failed(settings);
    assertThat(failed(settings)).isEqualTo(first);
    // of 200 attempts of 50 tokens 1 - 0.99^50 = 39 %
    assertThat(first.stream().filter(one -> one).count()).isBetween(55L, 105L);
    assertThat(failed(settings(NO_TIME + "&answer-tokens=0&failures=0.01&fault-seed=6")))
        .isNotEqualTo(first);
  }

  private List<Boolean> failed(SimulatedSettings settings) throws InterruptedException {
    List<Boolean> failed = new ArrayList<>();
    try (EngineReplica replica = replica(settings)) {
      for (int n = 0; n < 200; n++) {
        Recorder recorder = run(replica, Works.work(n, "hi", SamplingParams.greedy(50)));
        assertThat(recorder.failure())
            .isIn(Optional.empty(), Optional.of(FailureCode.ENGINE_FAILED));
        failed.add(recorder.failure().isPresent());
        assertThat(replica.isBroken()).isFalse();
      }
    }
    return failed;
  }

  @Test
  void aCrashBreaksTheReplicaAndTheNextOneGoesOnWithOtherDraws() throws InterruptedException {
    SimulatedSettings settings = settings(NO_TIME + "&answer-tokens=0&crashes=0.005");
    SimulatedFaults faults = new SimulatedFaults(settings);
    List<Integer> tokensUntilCrash = new ArrayList<>();
    for (int n = 0; n < 4; n++) {
      try (EngineReplica replica = replica(settings, faults)) {
        Recorder recorder = run(replica, Works.work(n, "hi", SamplingParams.greedy(5000)));
        assertThat(recorder.failure()).contains(FailureCode.ENGINE_FAILED);
        assertThat(replica.isBroken()).isTrue();
        tokensUntilCrash.add(recorder.ids().size());
      }
    }
    assertThat(tokensUntilCrash).doesNotHaveDuplicates();
  }

  @Test
  void aStallHoldsEverybodyUp() throws InterruptedException {
    SimulatedSettings settings =
        settings(NO_TIME + "&answer-tokens=0&stalls=0.01&stall-time=100s&fault-seed=3");
    try (EngineReplica replica = replica(settings)) {
      run(replica, Works.work(1, "hi", SamplingParams.greedy(2000)));
    }
    assertThat(clock.seconds() / 100).isBetween(8.0, 35.0);
  }
}
