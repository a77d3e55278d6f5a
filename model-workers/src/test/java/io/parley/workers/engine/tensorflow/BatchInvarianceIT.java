package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.WeightType;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Real weights, random ragged batches: the logits of a sequence are the same bits in a batch as
 * alone, in chunks of any size, in other KV blocks, with another number of threads, and where
 * guessed tokens are fed behind the right ones.
 */
class BatchInvarianceIT {
  private static final int BLOCKS = 260;
  private static final int COLUMNS = 4;
  private static final int DECODED = 3;
  private static final int WRONG = 4;
  private static final int[] SEQUENCES = {13, 2, 5, 32};
  private static final int[] CHUNKS = {7, 64, 1, 13, 512};

  @TempDir private static Path temporary;

  /** Sequences: their prompts and what is fed after them. */
  private record Batch(int[][] prompts, int[][] followUps) {
    static Batch random(Random random, int sequences, int longest, int vocabulary) {
      int[][] prompts = new int[sequences][];
      int[][] followUps = new int[sequences][];
      for (int i = 0; i < sequences; i++) {
        prompts[i] = random.ints(1 + random.nextInt(longest), 0, vocabulary).toArray();
        followUps[i] = random.ints(DECODED, 0, vocabulary).toArray();
      }
      return new Batch(prompts, followUps);
    }

    int sequences() {
      return prompts.length;
    }
  }

  /** What is compared: {@code [sequence][step]}. */
  private static final class Compared {
    long values;
    long different;

    void add(float[][][] left, float[][][] right) {
      for (int s = 0; s < left.length; s++) {
        for (int step = 0; step < left[s].length; step++) {
          for (int i = 0; i < left[s][step].length; i++) {
            values++;
            int a = Float.floatToRawIntBits(left[s][step][i]);
            int b = Float.floatToRawIntBits(right[s][step][i]);
            different += a == b ? 0 : 1;
          }
        }
      }
    }
  }

  /** Those that this CPU runs, with each kind of weights. */
  static Stream<Arguments> variants() {
    return KernelGraphIT.variants()
        .flatMap(variant -> Stream.of(WeightType.values()).map(w -> Arguments.of(variant, w)));
  }

  private static TensorFlowEngine load(Kernels kernels, WeightType weights, int threads) {
    ModelStore store = ModelStore.in(EngineSettings.defaultCacheFolder());
    StoredModel model = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
    return load(
        model.file(),
        model.manifest().sha256(),
        EngineSettings.defaultCacheFolder(),
        kernels,
        weights,
        threads);
  }

  private static TensorFlowEngine load(
      Path file, String name, Path cache, Kernels kernels, WeightType weights, int threads) {
    EngineSettings settings =
        new EngineSettings(cache, kernels, Optional.of(Arithmetic.F32), threads, 1, BLOCKS, 8192);
    return TensorFlowEngine.load(file, name, weights, settings, ImportListener.NONE);
  }

  /** Scattered over the KV memory, none twice. */
  private static int[][] tables(int sequences, int offset) {
    int[][] tables = new int[sequences][COLUMNS];
    for (int i = 0; i < sequences * COLUMNS; i++) {
      tables[i / COLUMNS][i % COLUMNS] = (i * 37 + offset) % BLOCKS;
    }
    return tables;
  }

  private static float[][] rows(FloatBuffer logits, int count) {
    float[][] rows = new float[count][logits.remaining() / count];
    for (float[] row : rows) {
      logits.get(row);
    }
    return rows;
  }

  /** All sequences side by side in each step. */
  private static float[][][] together(TensorFlowEngine engine, Batch batch, int[][] tables) {
    List<Integer> tokens = new ArrayList<>();
    List<Integer> positions = new ArrayList<>();
    List<Integer> sequences = new ArrayList<>();
    int[] last = new int[batch.sequences()];
    for (int s = 0; s < batch.sequences(); s++) {
      for (int p = 0; p < batch.prompts()[s].length; p++) {
        tokens.add(batch.prompts()[s][p]);
        positions.add(p);
        sequences.add(s);
      }
      last[s] = tokens.size() - 1;
    }
    float[][][] logits = new float[batch.sequences()][DECODED + 1][];
    int[] all = IntStream.range(0, batch.sequences()).toArray();
    for (int step = 0; step <= DECODED; step++) {
      int now = step;
      StepInput input =
          step == 0
              ? new StepInput(ints(tokens), ints(positions), ints(sequences), tables, last)
              : new StepInput(
                  IntStream.of(all).map(s -> batch.followUps()[s][now - 1]).toArray(),
                  IntStream.of(all).map(s -> batch.prompts()[s].length + now - 1).toArray(),
                  all,
                  tables,
                  all);
      float[][] rows = rows(engine.step(input), batch.sequences());
      for (int s = 0; s < rows.length; s++) {
        logits[s][step] = rows[s];
      }
    }
    return logits;
  }

  private static int[] ints(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Each sequence by itself, its prompt in chunks. */
  private static float[][][] alone(
      TensorFlowEngine engine, Batch batch, int[][] tables, int chunk) {
    float[][][] logits = new float[batch.sequences()][DECODED + 1][];
    for (int s = 0; s < batch.sequences(); s++) {
      int[] prompt = batch.prompts()[s];
      for (int from = 0; from < prompt.length; from += chunk) {
        int[] piece =
            java.util.Arrays.copyOfRange(prompt, from, Math.min(prompt.length, from + chunk));
        logits[s][0] = lastOf(engine, piece, from, tables[s]);
      }
      for (int step = 0; step < DECODED; step++) {
        int[] token = {batch.followUps()[s][step]};
        logits[s][step + 1] = lastOf(engine, token, prompt.length + step, tables[s]);
      }
    }
    return logits;
  }

  private static float[] lastOf(TensorFlowEngine engine, int[] tokens, int from, int[] table) {
    return feed(engine, tokens, from, table, tokens.length - 1)[0];
  }

  private static float[][] feed(
      TensorFlowEngine engine, int[] tokens, int from, int[] table, int... rows) {
    StepInput input =
        new StepInput(
            tokens,
            IntStream.range(from, from + tokens.length).toArray(),
            new int[tokens.length],
            new int[][] {table},
            rows);
    return rows(engine.step(input), rows.length);
  }

  /**
   * Each sequence by itself, several of what follows the prompt at once, and behind them others,
   * which the next step writes over.
   */
  private static float[][][] guessed(
      TensorFlowEngine engine, Batch batch, int[][] tables, Random random) {
    float[][][] logits = new float[batch.sequences()][DECODED + 1][];
    for (int s = 0; s < batch.sequences(); s++) {
      int[] prompt = batch.prompts()[s];
      logits[s][0] = lastOf(engine, prompt, 0, tables[s]);
      for (int at = 0; at < DECODED; ) {
        int right = 1 + random.nextInt(DECODED - at);
        int[] tokens =
            IntStream.concat(
                    IntStream.of(batch.followUps()[s]).skip(at).limit(right),
                    random.ints(WRONG, 0, engine.spec().vocabularySize()))
                .toArray();
        int[] wanted = IntStream.range(0, right).toArray();
        float[][] rows = feed(engine, tokens, prompt.length + at, tables[s], wanted);
        System.arraycopy(rows, 0, logits[s], at + 1, right);
        at += right;
      }
    }
    return logits;
  }

  @ParameterizedTest
  @MethodSource("variants")
  void givesTheSameBitsAloneAndInAnyBatch(Kernels variant, WeightType weights) {
    Compared compared = new Compared();
    try (TensorFlowEngine all = load(variant, weights, 0);
        TensorFlowEngine three = load(variant, weights, 3)) {
      // the others take several times as long, and what weights are is the products' alone
      boolean fast = variant == Kernels.AVX512BF16;
      boolean less = weights == WeightType.INT8;
      int rounds = less ? 1 : fast ? SEQUENCES.length : 2;
      int longest = fast ? 150 : 70;
      for (int round = 0; round < rounds; round++) {
        Random random = new Random(round);
        Batch batch = Batch.random(random, SEQUENCES[round], longest, all.spec().vocabularySize());
        float[][][] left = together(all, batch, tables(batch.sequences(), 0));
        int[][] elsewhere = tables(batch.sequences(), 13 * (round + 1));
        int chunk = CHUNKS[random.nextInt(CHUNKS.length)];
        compared.add(left, alone(round % 2 == 0 ? three : all, batch, elsewhere, chunk));
        if (round == 0) {
          compared.add(left, guessed(all, batch, elsewhere, random));
        }
      }
    }
    assertThat(compared.values).isGreaterThanOrEqualTo(2_000_000);
    assertThat(compared.different).isZero();
  }

  /** Random weights: every part of a layer that an architecture has. */
  @ParameterizedTest
  @EnumSource(Architecture.class)
  void givesTheSameBitsWithEachArchitecture(Architecture architecture) {
    Natives.prepare(EngineSettings.defaultCacheFolder(), ImportListener.NONE);
    Path file = TinyDecoder.golden(architecture).write(temporary.resolve("model.gguf"));
    Path cache = temporary.resolve("cache");
    for (Kernels variant : KernelGraphIT.variants().toList()) {
      Compared compared = new Compared();
      try (TensorFlowEngine all =
              load(file, architecture.label(), cache, variant, WeightType.BF16, 0);
          TensorFlowEngine three =
              load(file, architecture.label(), cache, variant, WeightType.BF16, 3)) {
        for (int round = 0; round < SEQUENCES.length; round++) {
          Random random = new Random(round);
          Batch batch = Batch.random(random, SEQUENCES[round], 200, all.spec().vocabularySize());
          int[][] elsewhere = tables(batch.sequences(), 13 * (round + 1));
          int chunk = CHUNKS[round + 1];
          float[][][] left = together(all, batch, tables(batch.sequences(), 0));
          compared.add(left, alone(round % 2 == 0 ? three : all, batch, elsewhere, chunk));
          compared.add(left, guessed(round % 2 == 0 ? all : three, batch, elsewhere, random));
        }
      }
      assertThat(compared.values).isGreaterThan(10_000);
      assertThat(compared.different).as("%s", variant).isZero();
    }
  }

  /** The pure graph, whose products depend on the number of rows: the comparison can fail. */
  @Test
  void seesADifferenceWhereThereIsOne() {
    Compared compared = new Compared();
    try (TensorFlowEngine graph = load(Kernels.OFF, WeightType.BF16, 0)) {
      Batch batch = Batch.random(new Random(1), 3, 40, graph.spec().vocabularySize());
      compared.add(together(graph, batch, tables(3, 0)), alone(graph, batch, tables(3, 13), 7));
    }
    assertThat(compared.different).isPositive();
  }
}
