package io.parley.workers.reproduce;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.WeightType;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import io.parley.workers.reproduce.Deviation.Kind;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Answers of the default model, generated side by side in so little KV memory that they give way to
 * each other, are given again bit by bit; changed ones are not.
 */
class ReproduceIT {
  private static final int WORKS = 20;
  private static final String SCHEMA =
      """
      {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12},
       "age": {"type": "integer", "minimum": 0, "maximum": 150}}, "required": ["name", "age"]}
      """;
  private static final List<String> INPUTS =
      List.of(
          "Tell me about lighthouses.",
          "Why is the sky blue, and the sunset red?",
          "Count from one to twenty, in words.",
          "Write a poem about the sea, and then say what each line of it means, one by one.");

  private static StoredModel stored;
  private static GgufTokenizer tokenizer;
  private static JinjaChatTemplate template;
  private static ModelInfo info;
  private static List<RecordedAttempt> records;

  /** Pretends to be of another variant. */
  private record Disguised(Engine engine, String variant) implements Engine {
    @Override
    public EngineSpec spec() {
      EngineSpec spec = engine.spec();
      return new EngineSpec(
          spec.vocabularySize(),
          spec.contextLength(),
          spec.blockSize(),
          spec.blocks(),
          spec.maxBatchTokens(),
          variant);
    }

    @Override
    public FloatBuffer step(StepInput input) {
      return engine.step(input);
    }

    @Override
    public void close() {
      engine.close();
    }
  }

  @BeforeAll
  static void generate() throws InterruptedException {
    EngineSettings settings = settings(Kernels.AUTO, 14);
    ModelStore store = ModelStore.in(settings.cacheFolder());
    stored = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
    try (GgufFile gguf = GgufFile.open(stored.file())) {
      tokenizer = GgufTokenizer.of(gguf.metadata(), settings.cacheFolder());
      template = JinjaChatTemplate.of(gguf.metadata());
    }
    info = new ModelInfo(stored.manifest().id(), 1024, 0, "parley", "Apache-2.0");
    Map<Work, Recorder> all = new LinkedHashMap<>();
    Random random = new Random(20260901);
    try (EngineReplica replica =
        new EngineReplica(
            info,
            load(Kernels.AUTO, WeightType.BF16, 14),
            tokenizer,
            template,
            new BatcherSettings(16, 256, 64, true, WORKS, 1, 8, 16))) {
      for (int n = 0; n < WORKS; n++) {
        Work work = work(n, random);
        all.put(work, new Recorder());
        assertThat(replica.start(work, all.get(work))).isTrue();
      }
      for (Recorder recorder : all.values()) {
        recorder.await();
      }
      assertThat(replica.stats().preemptions()).isPositive();
    }
    records = all.entrySet().stream().map(e -> Records.of(e.getKey(), e.getValue())).toList();
  }

  private static EngineSettings settings(Kernels kernels, int blocks) {
    return new EngineSettings(
        EngineSettings.defaultCacheFolder(),
        kernels,
        Optional.of(Arithmetic.F32),
        0,
        1,
        blocks,
        512);
  }

  private static TensorFlowEngine load(Kernels kernels, WeightType weights, int blocks) {
    return TensorFlowEngine.load(
        stored.file(),
        stored.manifest().sha256(),
        weights,
        settings(kernels, blocks),
        ImportListener.NONE);
  }

  private static Work work(int n, Random random) {
    String input = INPUTS.get(n % INPUTS.size());
    return new Work(
        Works.id(n),
        info.id(),
        List.of(
            new Message(Role.SYSTEM, "You are number " + n % 3 + "."),
            new Message(Role.USER, input + " again".repeat(n % 4 == 3 ? random.nextInt(60) : 0))),
        List.of(),
        sampling(n, random),
        ContextPolicy.ERROR,
        n % 4 == 0 ? Priority.BULK : Priority.INTERACTIVE,
        0,
        Long.MAX_VALUE);
  }

  private static SamplingParams sampling(int n, Random random) {
    SamplingParams some =
        new SamplingParams(
            n % 4 == 0 ? 0 : 0.4 + 0.8 * random.nextDouble(),
            n % 3 == 0 ? 0.9 : 1,
            n % 5 == 0 ? 40 : 0,
            n % 7 == 0 ? 0.05 : 0,
            n % 6 == 0 ? 1.1 : 1,
            n % 6 == 1 ? 0.3 : 0,
            n % 6 == 2 ? 0.2 : 0,
            random.nextLong(),
            n % 8 == 3 ? List.of("the sea", "\n\n") : List.of(),
            50 + random.nextInt(100),
            n % 2 == 0,
            n % 3 != 1,
            n % 3 == 0 ? 5 : 0);
    return n % 8 == 5
        ? some.withForm(
            Optional.of(AnswerForm.of(new AnswerForm.JsonFormat("", Optional.of(SCHEMA)))))
        : some;
  }

  private static List<Verdict> reproduce(Engine engine, List<RecordedAttempt> attempts) {
    return reproduce(engine, attempts, Tolerance.BETWEEN_VARIANTS);
  }

  private static List<Verdict> reproduce(
      Engine engine, List<RecordedAttempt> attempts, Tolerance tolerance) {
    List<Verdict> verdicts = new ArrayList<>();
    new Reproducer(engine, tokenizer, template, info, tolerance, false)
        .run(attempts.stream().map(List::of).iterator(), report -> verdicts.add(report.verdict()));
    return verdicts;
  }

  @Test
  void everyAnswerIsGivenAgainAndNoChangedOne() {
    RecordedAttempt likely = // with log-probabilities and no form
        records.stream()
            .filter(r -> r.work().sampling().logProbs() && r.tokens().size() > 20)
            .filter(r -> r.work().sampling().temperature() > 0.4)
            .filter(r -> r.work().sampling().form().isEmpty())
            .findFirst()
            .orElseThrow();
    Token tenth = likely.tokens().get(10);
    Token other = likely.tokens().get(11);
    assertThat(other.id()).isNotEqualTo(tenth.id());
    try (Engine engine = load(Kernels.AUTO, WeightType.BF16, 64)) {
      assertThat(reproduce(engine, records))
          .hasSize(WORKS)
          .containsOnly(new Verdict.Exact(Optional.empty()));

      Token changed = new Token(other.id(), tenth.text(), tenth.logProb());
      deviation(engine, Records.withToken(likely, 10, changed)).isEqualTo(Kind.TOKEN, 10);
      deviation(engine, Records.withToken(likely, 10, Records.withNextLogProb(tenth)))
          .isEqualTo(Kind.LOG_PROBABILITY, 10);
      Token otherText = new Token(tenth.id(), tenth.text() + " not", tenth.logProb());
      deviation(engine, Records.withToken(likely, 10, otherText)).isEqualTo(Kind.TEXT, 10);
      Finish stop = new Finish(FinishReason.STOP, "");
      deviation(engine, Records.withFinish(Records.cutOff(likely, 15), stop))
          .isEqualTo(Kind.FINISH, 15);
      long seed = likely.work().sampling().seed() + 1;
      assertThat(deviation(engine, Records.withSeed(likely, seed)).kind()).isEqualTo(Kind.TOKEN);
    }
  }

  /** What was found, for a comparison in one line. */
  private record Found(Kind kind, int index) {
    void isEqualTo(Kind expected, int at) {
      assertThat(this).isEqualTo(new Found(expected, at));
    }
  }

  private static Found deviation(Engine engine, RecordedAttempt attempt) {
    Verdict verdict = reproduce(engine, List.of(attempt)).get(0);
    assertThat(verdict).isInstanceOf(Verdict.Differs.class);
    Deviation first = ((Verdict.Differs) verdict).first();
    return new Found(first.kind(), first.index());
  }

  /** The same file with weights of 8 bits, which says that it is the one that was recorded. */
  @Test
  void otherWeightsGiveOtherAnswers() {
    String variant = records.get(0).prompt().variant();
    try (Engine engine = new Disguised(load(Kernels.AUTO, WeightType.INT8, 64), variant)) {
      List<Verdict> verdicts = reproduce(engine, records);
      assertThat(verdicts).hasSize(WORKS).noneMatch(Verdict::confirmed);
    }
  }

  @Test
  void anotherVariantGivesThemWithinTheTolerance() {
    boolean isAvx2 = records.get(0).prompt().variant().contains(Kernels.AVX2.label());
    boolean isPortable = records.get(0).prompt().variant().contains(Kernels.PORTABLE.label());
    Kernels others = isAvx2 || isPortable ? Kernels.PORTABLE : Kernels.AVX2;
    String otherVariant = EngineSpec.KERNEL_VARIANTS + (isPortable ? "other" : others.label());
    try (Engine engine = new Disguised(load(others, WeightType.BF16, 64), otherVariant)) {
      List<Verdict> verdicts = reproduce(engine, records);
      assertThat(verdicts).hasSize(WORKS).allMatch(Verdict.Near.class::isInstance);
      // and without one they are not all the same, so that the comparison can fail
      assertThat(isPortable || !reproduce(engine, records, new Tolerance(0, 0)).equals(verdicts))
          .isTrue();
      RecordedAttempt some = records.get(1);
      assertThat(
              reproduce(engine, List.of(Records.withSeed(some, some.work().sampling().seed() + 1)))
                  .get(0))
          .isInstanceOf(Verdict.Differs.class);
    }
  }
}
