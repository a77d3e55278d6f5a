package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.WeightType;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.sampling.JavaSums;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The graph of Parley's operations against the same model in plain Java. */
class KernelGraphIT {
  private static final TinyDecoder.Sizes GROUPED = new TinyDecoder.Sizes(48, 6, 2, 64, 40, 80, 37);
  private static final TinyDecoder.Sizes WIDE = new TinyDecoder.Sizes(64, 4, 4, 128, 128, 96, 64);
  private static final int LENGTH = 150;

  @TempDir private static Path temporary;

  @BeforeAll
  static void unpack() {
    // the libraries come from the shared cache, the imported models do not
    Natives.prepare(EngineSettings.defaultCacheFolder(), ImportListener.NONE);
  }

  /** Those that this CPU runs. */
  static Stream<Kernels> variants() {
    CpuFeatures cpu = CpuFeatures.ofThisMachine();
    return Stream.of(Kernels.AVX512BF16, Kernels.AVX512F, Kernels.AVX2, Kernels.PORTABLE)
        .filter(cpu::runs);
  }

  private static EngineSettings settings(Kernels kernels) {
    return new EngineSettings(
        temporary.resolve("cache"), kernels, Optional.of(Arithmetic.F32), 2, 1, 24, 512);
  }

  private static TensorFlowEngine load(TinyDecoder llama, String name, Kernels kernels) {
    return load(llama, name, WeightType.BF16, kernels);
  }

  private static TensorFlowEngine load(
      TinyDecoder llama, String name, WeightType weights, Kernels kernels) {
    Path file = llama.write(temporary.resolve(name + ".gguf"));
    return TensorFlowEngine.load(file, name, weights, settings(kernels), ImportListener.NONE);
  }

  private static int[] range(int count) {
    return IntStream.range(0, count).toArray();
  }

  /**
   * Activations are rounded to 8 bits on their way into each product, which moves a logit by about
   * 1 % of their spread here, 8 % at most; a wrong head, pair or position moves it by as much as
   * the spread.
   */
  private static void agrees(TinyDecoder llama, TinyDecoder.Sizes sizes, TensorFlowEngine engine) {
    int[] tokens = new Random(3).ints(LENGTH, 0, sizes.vocabulary()).toArray();

    FloatBuffer logits =
        engine.step(
            new StepInput(
                tokens, range(LENGTH), new int[LENGTH], new int[][] {{5, 2, 9}}, range(LENGTH)));

    double[][] expected = llama.logits(tokens);
    double error = 0;
    double spread = 0;
    double worst = 0;
    for (int row = 0; row < LENGTH; row++) {
      for (int i = 0; i < sizes.vocabulary(); i++) {
        double difference = logits.get(row * sizes.vocabulary() + i) - expected[row][i];
        error += difference * difference;
        spread += expected[row][i] * expected[row][i];
        worst = Math.max(worst, Math.abs(difference));
      }
    }
    double scale = Math.sqrt(spread / LENGTH / sizes.vocabulary());
    assertThat(Math.sqrt(error / spread)).isLessThan(0.015);
    assertThat(worst).isLessThan(0.12 * scale);
  }

  /** A column's largest weight takes 127 steps, so that integers can stand for it exactly. */
  @ParameterizedTest
  @MethodSource("variants")
  void agreesWithWeightsThatIntegersHoldExactly(Kernels variant) {
    TinyDecoder llama = TinyDecoder.inSteps(6, false, GROUPED, 0.2);
    try (TensorFlowEngine engine = load(llama, "int8", WeightType.INT8, variant)) {
      assertThat(engine.spec().variant()).isEqualTo("parley-" + variant.label() + "-int8");
      agrees(llama, GROUPED, engine);
    }
  }

  @Test
  void refusesInt8WithoutKernels() {
    TinyDecoder llama = new TinyDecoder(Architecture.LLAMA, 6, true, GROUPED, 0.2);
    assertThatThrownBy(() -> load(llama, "int8-off", WeightType.INT8, Kernels.OFF))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("weights=int8")
        .hasMessageContaining("parley.engine.kernels is off");
    TinyDecoder odd = new TinyDecoder(4, true);
    assertThatThrownBy(() -> load(odd, "int8-odd", WeightType.INT8, Kernels.AUTO))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("heads are of 10 values");
  }

  @ParameterizedTest
  @MethodSource("variants")
  void agreesWithGroupedHeadsAndPartialRotation(Kernels variant) {
    TinyDecoder llama = new TinyDecoder(Architecture.LLAMA, 1, false, GROUPED, 0.2);
    try (TensorFlowEngine engine = load(llama, "grouped", variant)) {
      assertThat(engine.spec().variant()).isEqualTo("parley-" + variant.label());
      agrees(llama, GROUPED, engine);
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void weighsRowsToTheBitAsTheSamplerDoes(Kernels variant) {
    TinyDecoder.Sizes sizes = new TinyDecoder.Sizes(48, 2, 2, 64, 64, 32, 1337);
    TinyDecoder llama = new TinyDecoder(Architecture.LLAMA, 5, true, sizes, 0.5);
    try (TensorFlowEngine engine = load(llama, "weighed", variant)) {
      int[] tokens = new Random(3).ints(20, 0, sizes.vocabulary()).toArray();
      FloatBuffer logits =
          engine.step(new StepInput(tokens, range(20), new int[20], new int[][] {{5}}, range(20)));
      for (int[] rows : new int[][] {{7}, {0, 3, 19}, range(20)}) {
        double[] scales = new Random(4).doubles(rows.length, 0.3, 9).toArray();
        DoubleBuffer sums = engine.weigh(rows, scales).orElseThrow().values();
        assertThat(sums).isEqualTo(JavaSums.of(logits, sizes.vocabulary(), rows, scales).values());
        assertThat(sums.get(0)).isFinite();
      }
      assertThatThrownBy(() -> engine.weigh(new int[] {20}, new double[] {1}))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("a row is out of range");
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void agreesWithWideHeadsAndATiedHead(Kernels variant) {
    TinyDecoder llama = new TinyDecoder(Architecture.LLAMA, 2, true, WIDE, 0.15);
    try (TensorFlowEngine engine = load(llama, "wide", variant)) {
      agrees(llama, WIDE, engine);
    }
  }

  @Test
  void keepsNothingOfAStepBehindTheNext() {
    try (TensorFlowEngine engine =
        load(new TinyDecoder(Architecture.LLAMA, 1, false, GROUPED, 0.2), "steps", Kernels.AUTO)) {
      StepInput input =
          new StepInput(new int[] {1}, new int[] {0}, new int[1], new int[][] {{0}}, new int[] {0});
      long before = 0;
      for (int step = 0; step < 100; step++) {
        if (step == 1) {
          before = Pointer.totalCount();
        }
        engine.step(input);
      }
      assertThat(Pointer.totalCount()).as("native objects alive").isLessThan(before + 50);
    }
  }

  @Test
  void runsTheGraphWhenHeadsDoNotFit() {
    TinyDecoder odd = new TinyDecoder(4, true);
    try (TensorFlowEngine engine = load(odd, "odd", Kernels.AUTO)) {
      assertThat(engine.spec().variant()).isEqualTo("tf-graph-f32");
    }
    assertThatThrownBy(() -> load(odd, "odd", Kernels.PORTABLE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.engine.kernels")
        .hasMessageContaining("heads are of 10 values");
  }

  /** Past the checks of the engine: what reaches the operations themselves. */
  @Test
  void refusesBadInputInTheOperations() {
    TinyDecoder llama = new TinyDecoder(Architecture.LLAMA, 5, true, GROUPED, 0.2);
    try (TensorFlowEngine engine = load(llama, "bad", Kernels.AUTO)) {
      assertThat(engine.spec().blocks()).isEqualTo(24);
    }
    try (GgufFile file = GgufFile.open(temporary.resolve("bad.gguf"));
        LoadedGraph graph = open(file)) {
      call(graph, 1, 0, 0, 0, 3, 1);
      refused(graph, "a token is out of range", GROUPED.vocabulary(), 0, 0, 0, 3, 1);
      refused(graph, "a token is out of range", -1, 0, 0, 0, 3, 1);
      refused(graph, "past its block table", 1, 64, 0, 0, 3, 1);
      refused(graph, "past its block table", 1, -1, 0, 0, 3, 1);
      refused(graph, "no block table", 1, 0, 1, 0, 3, 1);
      refused(graph, "block id is out of range", 1, 0, 0, 7, 3, 1);
      refused(graph, "block id is out of range", 1, 0, 0, -1, 3, 1);
      refused(graph, "lacks the variant", 1, 0, 0, 0, 99, 1);
      refused(graph, "number of threads", 1, 0, 0, 0, 3, 0);
      refused(graph, "number of threads", 1, 0, 0, 0, 3, 1 << 20);
      call(graph, 1, 63, 0, 6, 3, 1);
    }
  }

  private static LoadedGraph open(GgufFile file) {
    Path savedModel =
        SavedModelImporter.obtain(
            file,
            DecoderConfig.read(file),
            "bad",
            Recipe.KERNELS,
            temporary.resolve("cache"),
            ImportListener.NONE);
    LoadedGraph graph =
        LoadedGraph.open(
            savedModel,
            java.util.List.of(KernelGraph.STEP, KernelGraph.RESET),
            org.tensorflow.proto.ConfigProto.getDefaultInstance());
    new KernelPass(graph, Kernels.PORTABLE, 1).reset(7);
    return graph;
  }

  private static void call(
      LoadedGraph graph,
      int token,
      int position,
      int sequence,
      int block,
      int variant,
      int threads) {
    try (NDManager manager = graph.newManager()) {
      graph.call(
          KernelGraph.STEP,
          Map.of(
              "tokens", LoadedGraph.vector(manager, token),
              "positions", LoadedGraph.vector(manager, position),
              "sequences", LoadedGraph.vector(manager, sequence),
              "tables", manager.create(new int[][] {{block}}),
              "rows", LoadedGraph.vector(manager, 0),
              "execution", LoadedGraph.vector(manager, variant, threads)),
          manager);
    }
  }

  private static void refused(
      LoadedGraph graph,
      String message,
      int token,
      int position,
      int sequence,
      int block,
      int variant,
      int threads) {
    assertThatThrownBy(() -> call(graph, token, position, sequence, block, variant, threads))
        .hasMessageContaining(message);
  }
}
