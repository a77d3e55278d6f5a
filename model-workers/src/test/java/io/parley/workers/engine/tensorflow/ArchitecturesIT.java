package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.WeightType;
import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each architecture against llama.cpp, on small random models; the golden data's README says how
 * they were made. The graph of TensorFlow's operations, too, is compared with plain Java there
 * where llama.cpp has no such model: heads that are turned in part, widths of no multiple.
 */
class ArchitecturesIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path temporary;

  @BeforeAll
  static void unpack() {
    // the libraries come from the shared cache, the imported models do not
    Natives.prepare(EngineSettings.defaultCacheFolder(), ImportListener.NONE);
  }

  static Stream<Architecture> architectures() {
    return Arrays.stream(Architecture.values());
  }

  static Stream<Arguments> architecturesAndKernels() {
    return architectures()
        .flatMap(
            architecture ->
                Stream.concat(Stream.of(Kernels.OFF), KernelGraphIT.variants())
                    .map(kernels -> Arguments.of(architecture, kernels)));
  }

  private static TensorFlowEngine load(TinyDecoder model, Kernels kernels) {
    String name = model.architecture().label() + model.sizes().headSize();
    Path file = model.write(temporary.resolve(name + ".gguf"));
    EngineSettings settings =
        new EngineSettings(
            temporary.resolve("cache"), kernels, Optional.of(Arithmetic.F32), 2, 1, 24, 512);
    return TensorFlowEngine.load(file, name, WeightType.BF16, settings, ImportListener.NONE);
  }

  private static InputStream golden(String name) {
    return ArchitecturesIT.class.getResourceAsStream("/golden/architectures/" + name);
  }

  private static JsonNode golden(Architecture architecture) throws IOException {
    try (InputStream in = golden(architecture.label() + ".json")) {
      return JSON.readTree(in);
    }
  }

  private static int[] ints(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
  }

  private static int[] range(int from, int to) {
    return IntStream.range(from, to).toArray();
  }

  /** How far logits are from what they should be. */
  private static final class Distance {
    private double squares;
    private double spread;
    private double worst;
    private int values;

    void add(float got, double expected) {
      squares += (got - expected) * (got - expected);
      spread += expected * expected;
      worst = Math.max(worst, Math.abs(got - expected));
      values++;
    }

    /**
     * In parts of the logits' spread. Products of 32-bit floats are off by 0.000003, and 0.0003
     * where llama.cpp takes GELU from a table of 16-bit floats; a wrong part of a layer moves them
     * by much more. Kernels round keys, values and, one variant, activations to 8 bits: 0.003 to
     * 0.006.
     */
    void isOfRounding(Kernels kernels) {
      double scale = Math.sqrt(spread / values);
      assertThat(values).isGreaterThan(1_000);
      assertThat(Math.sqrt(squares / spread))
          .as("root mean square, by spread")
          .isLessThan(kernels == Kernels.OFF ? 0.001 : 0.01);
      assertThat(worst / scale)
          .as("worst, by spread")
          .isLessThan(kernels == Kernels.OFF ? 0.005 : 0.05);
    }
  }

  /** The same tokens by two sequences: as one chunk, in pieces, and beside each other. */
  private static final class Run {
    private final TensorFlowEngine engine;
    private final int[] tokens;
    private final float[][][] logits;

    Run(TensorFlowEngine engine, int[] tokens) {
      this.engine = engine;
      this.tokens = tokens;
      this.logits = new float[2][tokens.length][];
    }

    /**
     * Feeds {@code [from, to)} of each sequence; an empty range leaves it out. What is asked of is
     * kept.
     */
    void step(int[] first, int[] second) {
      int[][] fed = {range(first[0], first[1]), range(second[0], second[1])};
      int[] positions = Stream.of(fed).flatMapToInt(IntStream::of).toArray();
      int[] sequences =
          IntStream.range(0, positions.length).map(i -> i < fed[0].length ? 0 : 1).toArray();
      FloatBuffer out =
          engine.step(
              new StepInput(
                  IntStream.of(positions).map(p -> tokens[p]).toArray(),
                  positions,
                  sequences,
                  new int[][] {{5, 2}, {9, 0}},
                  range(0, positions.length)));
      for (int i = 0; i < positions.length; i++) {
        logits[sequences[i]][positions[i]] = new float[engine.spec().vocabularySize()];
        out.get(logits[sequences[i]][positions[i]]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("architecturesAndKernels")
  void agreesWithTheReference(Architecture architecture, Kernels kernels) throws IOException {
    JsonNode golden = golden(architecture);
    int[] tokens = ints(golden.get("tokens"));
    try (TensorFlowEngine engine = load(TinyDecoder.golden(architecture), kernels)) {
      if (kernels != Kernels.OFF) {
        assertThat(engine.spec().variant()).isEqualTo("parley-" + kernels.label());
      }
      Run run = new Run(engine, tokens);
      run.step(new int[] {0, tokens.length}, new int[] {0, 1});
      agrees(run.logits[0], golden, kernels);

      run.step(new int[] {0, 30}, new int[] {0, 0});
      run.step(new int[] {30, 31}, new int[] {0, 50});
      run.step(new int[] {31, tokens.length}, new int[] {50, 51});
      for (int at = 51; at < tokens.length; at++) {
        run.step(new int[] {at, at + 1}, new int[] {at, at + 1});
      }
      agrees(run.logits[0], golden, kernels);
      agrees(run.logits[1], golden, kernels);
    }
  }

  private static void agrees(float[][] logits, JsonNode golden, Kernels kernels) {
    Distance distance = new Distance();
    for (JsonNode row : golden.get("rows")) {
      float[] got = logits[row.get("at").asInt()];
      for (int i = 0; i < got.length; i++) {
        distance.add(got[i], row.get("logits").get(i).asDouble());
      }
    }
    distance.isOfRounding(kernels);
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void agreesWithPlainJavaInOddSizes(Architecture architecture) {
    TinyDecoder model = new TinyDecoder(architecture, 1, true, TinyDecoder.ODD, 0.4);
    int[] tokens = new java.util.Random(2).ints(150, 0, model.sizes().vocabulary()).toArray();
    try (TensorFlowEngine engine = load(model, Kernels.OFF)) {
      FloatBuffer logits =
          engine.step(
              new StepInput(
                  tokens, range(0, 150), new int[150], new int[][] {{5, 2, 9}}, range(0, 150)));
      double[][] expected = model.logits(tokens);
      Distance distance = new Distance();
      for (double[] row : expected) {
        for (double value : row) {
          distance.add(logits.get(), value);
        }
      }
      distance.isOfRounding(Kernels.OFF);
    }
  }

  /** The golden logits are those of the model that is written here. */
  @ParameterizedTest
  @MethodSource("architectures")
  void writesTheFileOfTheGoldenLogits(Architecture architecture) throws Exception {
    Path file =
        TinyDecoder.golden(architecture).write(temporary.resolve(architecture.label() + ".gguf"));
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
    try (InputStream in = golden("SHA256SUMS")) {
      assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8))
          .contains(HexFormat.of().formatHex(digest) + "  " + file.getFileName());
    }
  }
}
