package io.parley.workers.reproduce;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.batch.FakeModel;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import io.parley.workers.reproduce.Deviation.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ReproducerTest {
  private static final int CONTEXT = 128;
  private static final SamplingParams PLAIN =
      new SamplingParams(0.9, 1, 0, 0, 1, 0, 0, 4, List.of(), 20, true, true, 2);

  private final List<TokenReport> tokens = new ArrayList<>();
  private FakeModel engine = model(20, 16);

  private static FakeModel model(int blocks, int budget) {
    EngineSpec spec = FakeModel.spec(CONTEXT, 8, blocks, budget);
    return new FakeModel(spec, 64);
  }

  /** Runs works side by side in little KV memory. */
  private static List<RecordedAttempt> generate(List<Work> works) throws InterruptedException {
    Map<Work, Recorder> all = new LinkedHashMap<>();
    try (EngineReplica replica =
        new EngineReplica(
            Works.INFO,
            model(20, 32),
            model(1, 1),
            model(1, 1),
            new BatcherSettings(8, 32, 16, true, 100, 2, 4, 0))) {
      for (Work work : works) {
        all.put(work, new Recorder());
        assertThat(replica.start(work, all.get(work))).isTrue();
      }
      for (Recorder recorder : all.values()) {
        recorder.await();
      }
      assertThat(works.size() < 30 || replica.stats().preemptions() > 0).isTrue();
    }
    return all.entrySet().stream().map(e -> Records.of(e.getKey(), e.getValue())).toList();
  }

  private static RecordedAttempt generate(SamplingParams sampling) throws InterruptedException {
    return generate(List.of(Works.work(1, "tell me", sampling))).get(0);
  }

  private List<Verdict> reproduce(List<List<RecordedAttempt>> sessions) {
    List<Verdict> verdicts = new ArrayList<>();
    tokens.clear();
    Reproducer reproducer =
        new Reproducer(engine, engine, engine, Works.INFO, Tolerance.BETWEEN_VARIANTS, true);
    reproducer.run(
        sessions.iterator(),
        new Reproducer.Listener() {
          @Override
          public void attempt(AttemptReport report) {
            verdicts.add(report.verdict());
          }

          @Override
          public synchronized void token(TokenReport report) {
            tokens.add(report);
          }
        });
    return verdicts;
  }

  private Verdict reproduce(RecordedAttempt attempt) {
    return reproduce(List.of(List.of(attempt))).get(0);
  }

  private Deviation deviation(RecordedAttempt attempt) {
    assertThat(reproduce(attempt)).isInstanceOf(Verdict.Differs.class);
    return ((Verdict.Differs) reproduce(attempt)).first();
  }

  private static SamplingParams random(Random random) {
    return new SamplingParams(
        random.nextInt(3) == 0 ? 0 : 2 * random.nextDouble(),
        random.nextInt(2) == 0 ? 1 : 0.3 + 0.7 * random.nextDouble(),
        random.nextInt(3) == 0 ? 5 : 0,
        random.nextInt(3) == 0 ? 0.1 : 0,
        random.nextInt(3) == 0 ? 1.2 : 1,
        random.nextInt(3) == 0 ? 0.5 : 0,
        random.nextInt(3) == 0 ? 0.2 : 0,
        random.nextLong(),
        random.nextInt(3) == 0 ? List.of("ab", "q") : List.of(),
        1 + random.nextInt(60),
        random.nextInt(4) == 0,
        random.nextBoolean(),
        random.nextInt(4));
  }

  @Test
  void whateverWasGeneratedIsGivenAgain() throws InterruptedException {
    Random random = new Random(3);
    List<Work> works = new ArrayList<>();
    for (int n = 0; n < 90; n++) {
      String text = "x".repeat(1 + random.nextInt(60)) + n;
      works.add(Works.withTenant(Works.work(n, text, random(random)), "t" + n % 3));
    }
    List<List<RecordedAttempt>> sessions = new ArrayList<>();
    int answers = 0;
    for (RecordedAttempt whole : generate(works)) {
      answers += whole.tokens().size();
      sessions.add(
          whole.tokens().size() > 3
              ? Records.split(whole, 1 + random.nextInt(whole.tokens().size()))
              : List.of(whole));
    }
    for (int[] size : new int[][] {{20, 16}, {64, 500}, {17, 1}}) {
      engine = model(size[0], size[1]);
      List<Verdict> verdicts = reproduce(sessions);
      assertThat(verdicts).hasSize(sessions.stream().mapToInt(List::size).sum());
      assertThat(verdicts).containsOnly(new Verdict.Exact(Optional.empty()));
      assertThat(tokens).hasSize(answers).allMatch(TokenReport::exact);
    }
  }

  @Test
  void aConversationIsComputedOnce() throws InterruptedException {
    List<RecordedAttempt> turns = new ArrayList<>();
    List<Message> messages = new ArrayList<>();
    int sum = 0;
    for (int turn = 1; turn <= 4; turn++) {
      messages.add(new Message(Role.USER, "go on please"));
      Work work = Works.work(turn, "", PLAIN);
      work =
          new Work(
              work.id(),
              work.model(),
              messages,
              List.of(),
              SamplingParams.greedy(8),
              ContextPolicy.ERROR,
              work.priority(),
              0,
              Long.MAX_VALUE);
      RecordedAttempt attempt = generate(List.of(work)).get(0);
      turns.add(attempt);
      StringBuilder answer = new StringBuilder();
      attempt.tokens().forEach(token -> answer.append(token.text()));
      messages.add(new Message(Role.ASSISTANT, answer.toString()));
      sum += attempt.prompt().promptTokens() + attempt.tokens().size();
    }
    engine = model(64, 500);
    assertThat(reproduce(List.of(turns))).containsOnly(new Verdict.Exact(Optional.empty()));
    assertThat(engine.tokens).isLessThan(sum * 2 / 3);
  }

  @Test
  void namesATokenThatIsAnother() throws InterruptedException {
    RecordedAttempt good = generate(PLAIN);
    Token old = good.tokens().get(7);
    int other = (old.id() + 1) % FakeModel.END;
    Token changed = new Token(other, String.valueOf((char) ('a' + other)), old.logProb());
    Deviation deviation = deviation(Records.withToken(good, 7, changed));
    assertThat(deviation.kind()).isEqualTo(Kind.TOKEN);
    assertThat(deviation.index()).isEqualTo(7);
    assertThat(deviation.message()).contains("token " + other, "token " + old.id());
    assertThat(tokens.subList(0, 7)).allMatch(TokenReport::exact);
    assertThat(tokens.get(7).exact()).isFalse();
    assertThat(tokens.get(7).drawn()).isEqualTo(old.id());
  }

  @Test
  void namesAProbabilityThatIsAnother() throws InterruptedException {
    RecordedAttempt good = generate(PLAIN);
    Token changed = Records.withNextLogProb(good.tokens().get(3));
    Deviation deviation = deviation(Records.withToken(good, 3, changed));
    assertThat(deviation.kind()).isEqualTo(Kind.LOG_PROBABILITY);
    assertThat(deviation.index()).isEqualTo(3);
    Token without = new Token(changed.id(), changed.text());
    assertThat(deviation(Records.withToken(good, 3, without)).kind())
        .isEqualTo(Kind.LOG_PROBABILITY);
  }

  @Test
  void namesATextThatIsAnother() throws InterruptedException {
    RecordedAttempt good = generate(PLAIN);
    Token old = good.tokens().get(5);
    Token changed = new Token(old.id(), old.text() + "!", old.logProb());
    Deviation deviation = deviation(Records.withToken(good, 5, changed));
    assertThat(deviation.kind()).isEqualTo(Kind.TEXT);
    assertThat(deviation.index()).isEqualTo(5);
    Deviation tail = deviation(Records.withFinish(good, new Finish(FinishReason.LENGTH, "!")));
    assertThat(tail.kind()).isEqualTo(Kind.TEXT);
  }

  @Test
  void anotherSeedGivesAnotherAnswer() throws InterruptedException {
    RecordedAttempt good = generate(PLAIN);
    assertThat(deviation(Records.withSeed(good, 5)).kind()).isEqualTo(Kind.TOKEN);
  }

  @Test
  void anotherConversationHasAnotherPrompt() throws InterruptedException {
    RecordedAttempt good = generate(PLAIN);
    Work longer = Works.work(1, "tell me more", PLAIN);
    RecordedAttempt other =
        new RecordedAttempt(longer, good.prompt(), good.tokens(), good.finish());
    assertThat(deviation(other).kind()).isEqualTo(Kind.PROMPT);
    Work sameLength = Works.work(1, "tell us", PLAIN);
    other = new RecordedAttempt(sameLength, good.prompt(), good.tokens(), good.finish());
    assertThat(deviation(other).kind()).isEqualTo(Kind.TOKEN);
    PromptInfo p = good.prompt();
    PromptInfo dropped = new PromptInfo(p.promptTokens(), 0, 1, p.model(), p.variant());
    assertThat(deviation(Records.withPrompt(good, dropped)).kind()).isEqualTo(Kind.PROMPT);
  }

  @Test
  void namesAnEndThatIsAnother() throws InterruptedException {
    RecordedAttempt good = generate(PLAIN);
    Finish stop = new Finish(FinishReason.STOP, "");
    Deviation deviation = deviation(Records.withFinish(good, stop));
    assertThat(deviation.kind()).isEqualTo(Kind.FINISH);
    assertThat(deviation.index()).isEqualTo(20);
    Deviation early = deviation(Records.withFinish(Records.cutOff(good, 12), stop));
    assertThat(early.kind()).isEqualTo(Kind.FINISH);
    assertThat(early.index()).isEqualTo(12);
    // a limit of the worker's is not in the record: told apart, and no deviation
    assertThat(reproduce(Records.cutOff(good, 12)))
        .isInstanceOfSatisfying(
            Verdict.Exact.class, exact -> assertThat(exact.cut()).get().asString().contains("12"));
    // an answer that went on behind its limit
    SamplingParams shorter =
        new SamplingParams(0.9, 1, 0, 0, 1, 0, 0, 4, List.of(), 15, true, true, 2);
    Deviation late = deviation(Records.withSampling(good, shorter));
    assertThat(late.kind()).isEqualTo(Kind.FINISH);
    assertThat(late.index()).isEqualTo(15);
  }

  @Test
  void messagesThatWereLeftOutAreLeftOutAgain() throws InterruptedException {
    List<Message> messages = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      messages.add(new Message(Role.USER, "this is message number " + i));
      messages.add(new Message(Role.ASSISTANT, "and this an answer"));
    }
    messages.add(new Message(Role.USER, "and now"));
    Work plain = Works.work(1, "", PLAIN);
    Work work =
        new Work(
            plain.id(),
            plain.model(),
            messages,
            List.of(),
            PLAIN,
            ContextPolicy.DROP_OLDEST,
            plain.priority(),
            0,
            Long.MAX_VALUE);
    RecordedAttempt attempt = generate(List.of(work)).get(0);
    assertThat(attempt.prompt().droppedMessages()).isPositive();
    assertThat(reproduce(attempt)).isEqualTo(new Verdict.Exact(Optional.empty()));
  }

  @Test
  void saysWhyNothingCanBeSaid() throws InterruptedException {
    RecordedAttempt good = generate(PLAIN);
    PromptInfo p = good.prompt();
    PromptInfo other =
        new PromptInfo(p.promptTokens(), 0, 0, new ModelId("test", "2"), p.variant());
    assertThat(reason(Records.withPrompt(good, other))).isEqualTo(Verdict.Reason.OTHER_MODEL);
    assertThat(reason(Records.withVariant(good, "upstream-vllm")))
        .isEqualTo(Verdict.Reason.OTHER_ENGINE);
    engine = model(3, 16);
    assertThat(reason(good)).isEqualTo(Verdict.Reason.TOO_LONG);
  }

  private Verdict.Reason reason(RecordedAttempt attempt) {
    return ((Verdict.Unknown) reproduce(attempt)).reason();
  }

  @Test
  void anotherVariantIsComparedWithinTheTolerance() throws InterruptedException {
    RecordedAttempt good = Records.withVariant(generate(PLAIN), "parley-other");
    assertThat(reproduce(good)).isEqualTo(new Verdict.Near(0, 0, Optional.empty()));
    Token near = Records.withNextLogProb(good.tokens().get(3));
    assertThat(reproduce(Records.withToken(good, 3, near)))
        .isInstanceOfSatisfying(
            Verdict.Near.class, verdict -> assertThat(verdict.widestLogProb()).isPositive());
    RecordedAttempt otherSeed = Records.withSeed(good, 5);
    assertThat(reproduce(otherSeed)).isInstanceOf(Verdict.Differs.class);
  }
}
