package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;
import java.nio.FloatBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The default model's answers, whose log-probabilities show each bit of its logits. */
class DraftsIT {
  private static final EngineSettings SETTINGS =
      new EngineSettings(
          EngineSettings.defaultCacheFolder(),
          Kernels.AUTO,
          Optional.of(Arithmetic.F32),
          0,
          1,
          64,
          512);

  private static final String TEXT =
      "Order 1041: Anna Berg, 3 lamps, Bergen, 12 May\n"
          + "Order 1042: Jonas Lind, 1 table, Oslo, 14 May\n"
          + "Order 1043: Maria Costa, 6 chairs, Porto, 15 May\n";

  /** Cheap rows as the fastest kernels have them, whatever this CPU runs. */
  private record WithCheapRows(Engine engine) implements Engine {
    @Override
    public EngineSpec spec() {
      EngineSpec spec = engine.spec();
      return new EngineSpec(
          spec.vocabularySize(),
          spec.contextLength(),
          spec.blockSize(),
          spec.blocks(),
          spec.maxBatchTokens(),
          spec.variant(),
          12);
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

  private static List<SamplingParams> samplings() {
    return List.of(
        new SamplingParams(0, 1, 0, 0, 1, 0, 0, 1, List.of(), 90, true, true, 2),
        new SamplingParams(0.7, 0.95, 0, 0, 1, 0, 0, 2, List.of(), 90, false, true, 0),
        new SamplingParams(0.3, 1, 40, 0.05, 1.1, 0.1, 0, 3, List.of("1043"), 90, false, true, 1));
  }

  @Test
  void guessesChangeNoAnswerAndNoProbability() {
    ModelStore store = ModelStore.in(SETTINGS.cacheFolder());
    StoredModel stored = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
    GgufTokenizer tokenizer;
    int[] prompt;
    try (GgufFile gguf = GgufFile.open(stored.file())) {
      tokenizer = GgufTokenizer.of(gguf.metadata(), SETTINGS.cacheFolder());
      prompt =
          JinjaChatTemplate.of(gguf.metadata())
              .encode(
                  List.of(new Message(Role.USER, "Copy this list:\n\n" + TEXT)),
                  List.of(),
                  Instant.EPOCH,
                  tokenizer);
    }
    ModelInfo model = new ModelInfo(Works.MODEL, 1024, 0, "parley", "Apache-2.0");
    try (Engine engine =
        new WithCheapRows(
            TensorFlowEngine.load(
                stored.file(),
                stored.manifest().sha256(),
                stored.manifest().weights(),
                SETTINGS,
                ImportListener.NONE))) {
      // the engine's KV memory is that of one batcher after the other: no prefix cache
      BatcherSettings plain = new BatcherSettings(8, 512, 128, false, 8, 1, 1, 0);
      BatcherSettings guessing = new BatcherSettings(8, 512, 128, false, 8, 1, 1, 16);
      Batcher without = new Batcher(engine, tokenizer, model, plain);
      Batcher with = new Batcher(engine, tokenizer, model, guessing);
      List<Recorder> expected = run(without, prompt);
      List<Recorder> got = run(with, prompt);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(expected.get(i).tokens()).isNotEmpty();
        assertThat(got.get(i).tokens()).isEqualTo(expected.get(i).tokens());
        assertThat(got.get(i).finish()).isEqualTo(expected.get(i).finish());
      }
      assertThat(with.stats().acceptedTokens()).isGreaterThan(20);
      assertThat(with.stats().draftedTokens()).isGreaterThan(with.stats().acceptedTokens());
      assertThat(with.stats().iterations()).isLessThan(without.stats().iterations());
      assertThat(without.stats().draftedTokens()).isZero();
    }
  }

  private static List<Recorder> run(Batcher batcher, int[] prompt) {
    List<Recorder> recorders = new ArrayList<>();
    for (SamplingParams sampling : samplings()) {
      Recorder recorder = new Recorder();
      batcher.admit(Works.work(recorders.size(), "x", sampling), prompt, 0, recorder);
      recorders.add(recorder);
    }
    while (batcher.iterate(0)) {}
    recorders.forEach(recorder -> assertThat(recorder.verified().isEnded()).isTrue());
    return recorders;
  }
}
