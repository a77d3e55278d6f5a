package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.parley.workers.engine.Device;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.WeightType;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Real weights and real threads: which cores the system lets each of them run on. */
class DeviceIT {
  private static StoredModel model;

  @BeforeAll
  static void obtain() {
    ModelStore store = ModelStore.in(EngineSettings.defaultCacheFolder());
    model = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
  }

  /** Two threads a step, be it on one core. */
  private static TensorFlowEngine load(String device) {
    EngineSettings settings =
        new EngineSettings(
                EngineSettings.defaultCacheFolder(), Kernels.AUTO, Optional.empty(), 2, 1, 8, 512)
            .withDevice(Device.parse(device));
    return TensorFlowEngine.load(
        model.file(), model.manifest().sha256(), WeightType.BF16, settings, ImportListener.NONE);
  }

  @Test
  void theThreadsOfTwoEnginesStayOnTheirCores() throws Exception {
    List<Integer> cores = cores();
    assumeThat(cores).as("cores of this process").hasSizeGreaterThan(1);
    String first = cores.get(0).toString();
    String last = cores.get(cores.size() - 1).toString();

    try (OwnThread one = new OwnThread("on-first", first);
        OwnThread other = new OwnThread("on-last", last)) {
      float[] logits = one.step();
      assertThat(other.step()).as("the same bits wherever").isEqualTo(logits);

      // a thread that native code starts is named as the one that started it
      assertThat(allowed("on-first")).hasSizeGreaterThanOrEqualTo(2).containsOnly(first);
      assertThat(allowed("on-last")).hasSizeGreaterThanOrEqualTo(2).containsOnly(last);
    }
  }

  @Test
  void aDeviceThatIsNotThereIsRefused() {
    assertThatThrownBy(() -> load("gpu:7"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the device gpu:7 is not there");
  }

  /** An engine with the thread that loads it and drives it. */
  private static final class OwnThread implements AutoCloseable {
    private final ExecutorService thread;
    private final TensorFlowEngine engine;

    OwnThread(String name, String core) throws Exception {
      thread = Executors.newSingleThreadExecutor(task -> new Thread(task, name));
      engine =
          thread
              .submit(
                  () -> {
                    TensorFlowEngine loaded = load("cpu:cores=" + core);
                    loaded.ownThread();
                    return loaded;
                  })
              .get();
    }

    float[] step() throws Exception {
      int[] tokens = IntStream.range(0, 100).map(i -> 1000 + i).toArray();
      int[] positions = IntStream.range(0, 100).toArray();
      StepInput input =
          new StepInput(tokens, positions, new int[100], new int[][] {{3, 1}}, new int[] {99});
      return thread
          .submit(
              () -> {
                float[] row = new float[engine.spec().vocabularySize()];
                engine.step(input).get(row);
                return row;
              })
          .get();
    }

    @Override
    public void close() {
      thread.execute(engine::close);
      thread.shutdown();
    }
  }

  private static List<Integer> cores() throws IOException {
    Device.Cores all = (Device.Cores) Device.parse("cpu:cores=" + field(Path.of("/proc/self"), ""));
    return List.copyOf(all.numbers());
  }

  /** Where the threads of this name may run. */
  private static List<String> allowed(String name) throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks.map(task -> field(task, name)).filter(list -> !list.isEmpty()).toList();
    }
  }

  /** The list of cores of a thread of this name; empty: it has another one, or is gone. */
  private static String field(Path task, String name) {
    try {
      List<String> lines = Files.readAllLines(task.resolve("status"));
      boolean meant = name.isEmpty() || lines.contains("Name:\t" + name);
      return lines.stream()
          .filter(line -> meant && line.startsWith("Cpus_allowed_list:"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("");
    } catch (IOException e) {
      return "";
    }
  }
}
