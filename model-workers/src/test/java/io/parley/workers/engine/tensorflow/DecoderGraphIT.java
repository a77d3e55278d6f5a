package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.WeightType;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The graph against the same model in plain Java: odd sizes, grouped heads, partial rotation. */
class DecoderGraphIT {
  private static final double TOLERANCE = 2e-4;
  private static final int BLOCKS = 24;

  @TempDir private static Path temporary;
  private static TinyDecoder model;
  private static TensorFlowEngine engine;

  @BeforeAll
  static void load() {
    // the libraries come from the shared cache, the imported model does not
    Natives.prepare(EngineSettings.defaultCacheFolder(), ImportListener.NONE);
    model = new TinyDecoder(1, false);
    engine = load(model, "untied", ImportListener.NONE);
  }

  @AfterAll
  static void close() {
    engine.close();
  }

  private static TensorFlowEngine load(TinyDecoder llama, String name, ImportListener listener) {
    Path file = llama.write(temporary.resolve(name + ".gguf"));
    return TensorFlowEngine.load(file, name, WeightType.BF16, settings(), listener);
  }

  private static EngineSettings settings() {
    return new EngineSettings(
        temporary.resolve("cache"), Kernels.OFF, Optional.of(Arithmetic.F32), 2, 1, BLOCKS, 512);
  }

  private static int[] tokens(int count, long seed) {
    return new Random(seed).ints(count, 0, TinyDecoder.ODD.vocabulary()).toArray();
  }

  private static int[] range(int from, int count) {
    return java.util.stream.IntStream.range(from, from + count).toArray();
  }

  private static void assertRow(FloatBuffer logits, int row, double[] expected) {
    for (int i = 0; i < expected.length; i++) {
      assertThat(logits.get(row * expected.length + i))
          .as("logit %d of row %d", i, row)
          .isCloseTo((float) expected[i], within((float) TOLERANCE));
    }
  }

  @Test
  void agreesInOnePrefill() {
    int[] tokens = tokens(150, 2);

    FloatBuffer logits =
        engine.step(
            new StepInput(
                tokens, range(0, 150), new int[150], new int[][] {{5, 2, 9}}, range(0, 150)));

    double[][] expected = model.logits(tokens);
    for (int i = 0; i < 150; i++) {
      assertRow(logits, i, expected[i]);
    }
  }

  @Test
  void agreesWithATiedHead() {
    TinyDecoder tied = new TinyDecoder(3, true);
    int[] tokens = tokens(9, 4);
    try (TensorFlowEngine other = load(tied, "tied", ImportListener.NONE)) {
      FloatBuffer logits =
          other.step(
              new StepInput(
                  tokens, range(0, 9), new int[9], new int[][] {{1}}, new int[] {8, 0, 8}));

      double[][] expected = tied.logits(tokens);
      assertRow(logits, 0, expected[8]);
      assertRow(logits, 1, expected[0]);
      assertRow(logits, 2, expected[8]);
    }
  }

  /** Sequences in pieces of many sizes, several in a step, in scattered blocks. */
  @Test
  void agreesInAnyRaggedMix() {
    Random random = new Random(5);
    int[][] sequences = {
      tokens(130, 6), tokens(70, 7), tokens(64, 8), tokens(3, 9), tokens(90, 10)
    };
    int[][] tables = {{21, 3, 17}, {2, 20}, {9}, {0}, {12, 7}};
    double[][][] expected = new double[sequences.length][][];
    for (int s = 0; s < sequences.length; s++) {
      expected[s] = model.logits(sequences[s]);
    }
    int[] done = new int[sequences.length];
    int steps = 0;
    while (stepOnce(random, sequences, tables, expected, done)) {
      steps++;
    }
    assertThat(steps).isGreaterThan(10);
    for (int s = 0; s < sequences.length; s++) {
      assertThat(done[s]).isEqualTo(sequences[s].length);
    }
  }

  private static boolean stepOnce(
      Random random, int[][] sequences, int[][] tables, double[][][] expected, int[] done) {
    List<int[]> picked = new ArrayList<>(); // sequence, position
    for (int s = 0; s < sequences.length; s++) {
      int left = sequences[s].length - done[s];
      int most = random.nextBoolean() ? 1 : 1 + random.nextInt(23);
      int count = random.nextInt(4) == 0 ? 0 : Math.min(left, most);
      for (int i = 0; i < count; i++) {
        picked.add(new int[] {s, done[s] + i});
      }
      done[s] += count;
    }
    if (!picked.isEmpty()) {
      FloatBuffer logits =
          engine.step(
              new StepInput(
                  picked.stream().mapToInt(p -> sequences[p[0]][p[1]]).toArray(),
                  picked.stream().mapToInt(p -> p[1]).toArray(),
                  picked.stream().mapToInt(p -> p[0]).toArray(),
                  tables,
                  range(0, picked.size())));
      for (int row = 0; row < picked.size(); row++) {
        assertRow(logits, row, expected[picked.get(row)[0]][picked.get(row)[1]]);
      }
    }
    for (int s = 0; s < sequences.length; s++) {
      if (done[s] < sequences[s].length) {
        return true;
      }
    }
    return false;
  }

  @Test
  void runsAStepOfWhichNothingIsWanted() {
    int[] tokens = tokens(4, 11);
    int[][] table = {{14}};

    FloatBuffer none =
        engine.step(new StepInput(tokens, range(0, 4), new int[4], table, new int[0]));
    assertThat(none.remaining()).isZero();
    FloatBuffer next =
        engine.step(new StepInput(new int[] {5}, new int[] {4}, new int[1], table, new int[] {0}));

    assertRow(next, 0, model.logits(new int[] {tokens[0], tokens[1], tokens[2], tokens[3], 5})[4]);
  }

  @Test
  void refusesABadStepAndGoesOn() {
    StepInput bad =
        new StepInput(
            new int[] {TinyDecoder.ODD.vocabulary()},
            new int[1],
            new int[1],
            new int[][] {{0}},
            new int[1]);
    assertThatThrownBy(() -> engine.step(bad)).isInstanceOf(IllegalArgumentException.class);

    agreesInOnePrefill();
  }

  @Test
  void importsOnceAndAgainWhenDamaged() throws IOException {
    TinyDecoder llama = new TinyDecoder(12, true);
    List<ImportListener.Step> steps = new ArrayList<>();
    ImportListener listener = (step, done, total) -> steps.add(step);
    load(llama, "again", listener).close();
    assertThat(steps).contains(ImportListener.Step.CONVERT_MODEL);

    steps.clear();
    load(llama, "again", listener).close();
    assertThat(steps).isEmpty();

    Path graph = temporary.resolve("cache/imported/again-1-f32/saved_model.pb");
    Files.write(graph, new byte[7]);
    load(llama, "again", listener).close();
    assertThat(steps).contains(ImportListener.Step.CONVERT_MODEL);
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    TinyDecoder biased = new TinyDecoder(13, true);
    biased.writer().tensor("blk.0.attn_q.bias", new float[60], 60);

    assertThatThrownBy(() -> load(biased, "biased", ImportListener.NONE))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("blk.0.attn_q.bias");
    assertThat(temporary.resolve("cache/imported/biased-1-f32")).doesNotExist();
  }

  @Test
  void givesItsMemoryBackWhenClosed() throws IOException {
    TinyDecoder llama = new TinyDecoder(14, true);
    Path file = llama.write(temporary.resolve("memory.gguf"));
    // 20,000 blocks of this model are 400 MB of keys and values
    EngineSettings large =
        new EngineSettings(
            temporary.resolve("cache"),
            Kernels.OFF,
            Optional.of(Arithmetic.F32),
            2,
            1,
            20_000,
            512);
    long before = 0;
    for (int i = 0; i < 5; i++) {
      TensorFlowEngine.load(file, "memory", WeightType.BF16, large, ImportListener.NONE).close();
      before = i == 0 ? residentKilobytes() : before;
    }
    assertThat(residentKilobytes()).isLessThan(before + 256 * 1024);
  }

  private static long residentKilobytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmRSS"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }
}
