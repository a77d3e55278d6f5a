package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.WeightType;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The default model against llama.cpp on the same weights in bfloat16; the golden data's README
 * says how they were made and how far rounding alone moves them. Products of 32-bit floats move the
 * first place only where the gap to the second is below 0.05, and log-probabilities by 0.018 on
 * average and 0.31 at most; the kernels, which round as the reference does but elsewhere, by 0.028
 * and 0.31.
 */
class TensorFlowEngineIT {
  private static final double GAP_OF_ROUNDING = 0.1;
  private static final double LOG_PROBABILITY_MEAN_MAX = 0.03;
  private static final double LOG_PROBABILITY_MAX = 0.4;
  private static final int[] TABLE = {40, 3, 17, 28, 9, 33, 1, 22, 45, 6, 12, 30, 19, 5, 47, 38};

  private static final Map<Kernels, TensorFlowEngine> ENGINES = new EnumMap<>(Kernels.class);

  private static TensorFlowEngine engine;
  private static int vocabulary;

  private static void use(Kernels kernels) {
    engine = ENGINES.computeIfAbsent(kernels, k -> load(k, WeightType.BF16));
    vocabulary = engine.spec().vocabularySize();
  }

  private static TensorFlowEngine load(Kernels kernels, WeightType weights) {
    Path cache = EngineSettings.defaultCacheFolder();
    ModelStore store = ModelStore.in(cache);
    StoredModel model = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
    EngineSettings settings =
        new EngineSettings(cache, kernels, Optional.of(Arithmetic.F32), 0, 1, 48, 512);
    return TensorFlowEngine.load(
        model.file(), model.manifest().sha256(), weights, settings, ImportListener.NONE);
  }

  @AfterAll
  static void close() {
    ENGINES.values().forEach(TensorFlowEngine::close);
  }

  private static JsonNode golden(String name) throws IOException {
    String resource = "/golden/smollm2-135m-instruct/" + name;
    try (InputStream in = TensorFlowEngineIT.class.getResourceAsStream(resource)) {
      return new ObjectMapper().readTree(in);
    }
  }

  private static int[] ints(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
  }

  /** The logits after each of the tokens, which follow {@code from} others. */
  private static float[][] feed(int[] tokens, int from, int... rows) {
    int[] positions = IntStream.range(from, from + tokens.length).toArray();
    FloatBuffer logits =
        engine.step(
            new StepInput(tokens, positions, new int[tokens.length], new int[][] {TABLE}, rows));
    float[][] out = new float[rows.length][vocabulary];
    for (float[] row : out) {
      logits.get(row);
    }
    return out;
  }

  private static int best(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  private static double logSum(float[] logits) {
    double max = logits[best(logits)];
    double sum = 0;
    for (float value : logits) {
      sum += Math.exp(value - max);
    }
    return max + Math.log(sum);
  }

  /**
   * Feeds the recorded tokens, so that a place where two are nearly equal does not end the
   * comparison. Up to the first such place this is the answer that the engine gives by itself.
   */
  @ParameterizedTest
  @EnumSource(names = {"AUTO", "OFF"})
  void choosesTheTokensOfTheReference(Kernels kernels) throws IOException {
    use(kernels);
    int sameAnswers = 0;
    double sum = 0;
    double worst = 0;
    int values = 0;
    for (JsonNode prompt : golden("greedy.json").get("prompts")) {
      int[] promptIds = ints(prompt.get("prompt_ids"));
      float[] logits = feed(promptIds, 0, promptIds.length - 1)[0];
      int position = promptIds.length;
      boolean same = true;
      for (JsonNode step : prompt.get("steps")) {
        int expected = step.get("id").asInt();
        same &= best(logits) == expected;
        if (step.get("gap").asDouble() > GAP_OF_ROUNDING) {
          assertThat(best(logits)).as("%s at %d", prompt.get("name"), position).isEqualTo(expected);
        }
        double logSum = logSum(logits);
        for (JsonNode top : step.get("top")) {
          double difference = Math.abs(logits[top.get(0).asInt()] - logSum - top.get(1).asDouble());
          sum += difference;
          worst = Math.max(worst, difference);
          values++;
        }
        logits = feed(new int[] {expected}, position++, 0)[0];
      }
      sameAnswers += same ? 1 : 0;
    }
    assertThat(sameAnswers).isGreaterThanOrEqualTo(8);
    assertThat(values).isGreaterThan(2000);
    assertThat(sum / values).isLessThan(LOG_PROBABILITY_MEAN_MAX);
    assertThat(worst).isLessThan(LOG_PROBABILITY_MAX);
  }

  /** Its products depend on the number of rows, so that a guess would change the answer. */
  @Test
  void theGraphHasNoCheapRows() {
    use(Kernels.OFF);
    assertThat(engine.spec().cheapRows()).isZero();
  }

  @ParameterizedTest
  @EnumSource(names = {"AUTO", "OFF"})
  void hasThePerplexityOfTheReference(Kernels kernels) throws IOException {
    use(kernels);
    double expected = golden("perplexity.json").get("perplexity").asDouble();
    assertThat(perplexity()).isCloseTo(expected, within(expected / 100));
  }

  /** 0.2 % above it, where this was measured. */
  @Test
  void int8LosesLittleOfThePerplexity() throws IOException {
    try (TensorFlowEngine int8 = load(Kernels.AUTO, WeightType.INT8)) {
      engine = int8;
      vocabulary = int8.spec().vocabularySize();
      double expected = golden("perplexity.json").get("perplexity").asDouble();
      assertThat(perplexity()).isCloseTo(expected, within(expected / 200));
    }
  }

  private static double perplexity() throws IOException {
    JsonNode golden = golden("perplexity.json");
    double total = 0;
    int count = 0;
    for (JsonNode window : golden.get("windows")) {
      int[] ids = ints(window.get("ids"));
      // in pieces, so that few logits are held at a time
      for (int from = 0; from < ids.length; from += 64) {
        int[] piece = java.util.Arrays.copyOfRange(ids, from, Math.min(ids.length, from + 64));
        float[][] logits = feed(piece, from, IntStream.range(0, piece.length).toArray());
        for (int i = 0; i < piece.length && from + i + 1 < ids.length; i++) {
          total += logSum(logits[i]) - logits[i][ids[from + i + 1]];
          count++;
        }
      }
    }
    assertThat(count).isEqualTo(golden.get("scored_tokens").asInt());
    return Math.exp(total / count);
  }
}
