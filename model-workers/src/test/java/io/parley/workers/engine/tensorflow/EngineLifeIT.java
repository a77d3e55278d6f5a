package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.WeightType;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Engines of the default model that come and go in one process. */
class EngineLifeIT {
  private static final long MIB = 1L << 20;
  private static final int CYCLES = 4;

  private static EngineSettings settings;
  private static StoredModel model;

  @BeforeAll
  static void obtain() {
    Path cache = EngineSettings.defaultCacheFolder();
    ModelStore store = ModelStore.in(cache);
    model = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
    settings =
        new EngineSettings(cache, Kernels.AUTO, Optional.of(Arithmetic.F32), 0, 400 * MIB, 0, 512);
  }

  private static TensorFlowEngine load() {
    return TensorFlowEngine.load(
        model.file(), model.manifest().sha256(), WeightType.BF16, settings, ImportListener.NONE);
  }

  private static float[] step(TensorFlowEngine engine) {
    int[] tokens = IntStream.range(0, 100).map(i -> 1000 + i).toArray();
    int[] positions = IntStream.range(0, 100).toArray();
    FloatBuffer logits =
        engine.step(
            new StepInput(tokens, positions, new int[100], new int[][] {{3, 1}}, new int[] {99}));
    float[] row = new float[engine.spec().vocabularySize()];
    logits.get(row);
    return row;
  }

  /** Where the kernels run it goes back to the system, else the next engine gets it. */
  @Test
  void aClosedEngineGivesItsMemoryBack() throws IOException {
    long before = residentBytes();
    EngineMemory need = TensorFlowEngine.memory(model.file(), WeightType.BF16, settings, 32);
    long taken = need.weightsBytes() + need.kvBytes();
    assertThat(taken).isGreaterThan(600 * MIB);
    long first = 0;
    float[] expected = {};
    for (int cycle = 0; cycle < CYCLES; cycle++) {
      float[] logits;
      try (TensorFlowEngine engine = load()) {
        logits = step(engine);
        if (cycle == 0) {
          first = residentBytes();
          expected = logits;
          assertThat(first - before).as("what one takes").isLessThan(2 * need.totalBytes());
        }
      }
      assertThat(logits).as("in memory that was given back").isEqualTo(expected);
      long left = residentBytes();
      if (TensorFlowEngine.keepsMemory(settings)) {
        assertThat(left - first).as("taken by the others").isLessThan(taken / 3);
      } else {
        assertThat(first - left).as("given back").isGreaterThan(taken * 3 / 4);
      }
    }
  }

  @Test
  void anEngineGoesOnWhileAnotherStepsAndCloses() throws InterruptedException, ExecutionException {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try (TensorFlowEngine stays = load()) {
      float[] expected = step(stays);
      TensorFlowEngine goes = load();
      Future<Boolean> one = threads.submit(() -> same(stays, expected, 8));
      Future<Boolean> other = threads.submit(() -> same(goes, expected, 8));
      assertThat(one.get()).isTrue();
      assertThat(other.get()).isTrue();
      Future<Boolean> on = threads.submit(() -> same(stays, expected, 8));
      goes.close();
      assertThat(on.get()).isTrue();
    } finally {
      threads.shutdownNow();
    }
  }

  private static boolean same(TensorFlowEngine engine, float[] expected, int times) {
    return IntStream.range(0, times).allMatch(i -> Arrays.equals(step(engine), expected));
  }

  private static long residentBytes() throws IOException {
    System.gc();
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmRSS"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElseThrow();
  }
}
