package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.StartupException;
import io.parley.node.StoredText;
import io.parley.node.bench.EngineLoop;
import io.parley.node.bench.ProcessMemory;
import io.parley.node.bench.ReplicaLoad;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.MachineLimits;
import io.parley.workers.engine.tensorflow.StepCost;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.WarmUp;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench engine}. */
@Command(
    name = "engine",
    mixinStandardHelpOptions = true,
    description = {
      "Measures the engine in this process: no node, journal or HTTP.",
      "Forward passes alone, or with --users whole conversations."
    })
final class EngineBenchCommand implements Callable<Integer> {
  private static final int PREFILLS = 4;
  private static final Duration WARM_UP = Duration.ofSeconds(5);
  private static final Duration TIMEOUT = Duration.ofMinutes(10);

  @Option(
      names = "--model",
      defaultValue = "smollm2-135m-instruct",
      description = "A model as for parley up (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--batch",
      split = ",",
      defaultValue = "1,16,32",
      description = "Sequences decoded at once (default: ${DEFAULT-VALUE}).")
  private List<Integer> batches;

  @Option(
      names = "--context",
      split = ",",
      defaultValue = "128",
      description = "Tokens before the first decoded one (default: ${DEFAULT-VALUE}).")
  private List<Integer> contexts;

  @Option(
      names = "--steps",
      defaultValue = "64",
      description = "Decoded tokens of each sequence (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--prefill",
      split = ",",
      defaultValue = "128,512",
      description = "Prompt lengths to measure prefill with (default: ${DEFAULT-VALUE}).")
  private List<Integer> prefills;

  @Option(
      names = "--temperature",
      defaultValue = "0",
      description = "Of the draw of each decoded token (default: ${DEFAULT-VALUE}, the likeliest).")
  private double temperature;

  @Option(
      names = "--limits",
      description =
          "First measure how fast this machine reads memory and multiplies in registers (1 GiB), and"
              + " print which share of both each line reaches.")
  private boolean withLimits;

  @Option(
      names = "--users",
      split = ",",
      description =
          "Instead: conversations at once, the same as those of parley bench, through batcher and"
              + " engine; several are run one after another.")
  private List<Integer> users = List.of();

  @Option(
      names = "--turns",
      defaultValue = "3",
      description = "Turns of each conversation (default: ${DEFAULT-VALUE}).")
  private int turns;

  @Option(
      names = "--max-tokens",
      defaultValue = "64",
      description = "Tokens of each answer (default: ${DEFAULT-VALUE}).")
  private int maxTokens;

  @Mixin private ConfigOptions configuration;

  private Optional<MachineLimits> limits = Optional.empty();

  @Override
  public Integer call() throws InterruptedException {
    Config config = configuration.load();
    try {
      EngineSettings engineSettings = EngineSettings.from(config);
      StoredModel stored =
          ModelStore.in(engineSettings.cacheFolder()).obtain(model, ProgressListener.NONE);
      try (TensorFlowEngine engine =
          TensorFlowEngine.load(
              stored.file(),
              stored.manifest().sha256(),
              stored.manifest().weights(),
              engineSettings,
              ImportListener.NONE)) {
        System.out.println(stored.manifest().id() + ", " + engine.spec().variant());
        ProcessMemory memory = ProcessMemory.now();
        System.out.printf(
            Locale.ROOT,
            "loaded: %.0f MB resident, %.0f MB at the most while loading%n",
            memory.residentBytes() / 1e6,
            memory.peakBytes() / 1e6);
        if (withLimits) {
          limits = Optional.of(measureLimits(engine));
        }
        if (users.isEmpty()) {
          run(engine);
          return 0;
        }
        return converse(engine, stored, config) ? 0 : 1;
      }
    } catch (ModelStoreException | IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  /** Whether no turn failed. */
  private boolean converse(TensorFlowEngine engine, StoredModel stored, Config config)
      throws InterruptedException {
    StoredText text = StoredText.of(stored, EngineSettings.from(config));
    boolean all = true;
    // closes the engine, as its owner does afterwards: that has no effect then
    try (EngineReplica replica =
        new EngineReplica(
            text.info(), engine, text.tokenizer(), text.template(), BatcherSettings.from(config))) {
      WarmUp.run(replica, WARM_UP);
      System.out.println(BenchCommand.HEAD + "  prefill  cached");
      for (int count : users) {
        ReplicaLoad.Result result =
            new ReplicaLoad(replica, count, turns, maxTokens, TIMEOUT.toMillis()).run();
        System.out.printf(
            Locale.ROOT,
            "%s  %7d  %6d%n",
            BenchCommand.row(result.report()),
            result.prefillTokens(),
            result.cachedTokens());
        all &= result.report().errors().isEmpty();
      }
    }
    return all;
  }

  private static MachineLimits measureLimits(TensorFlowEngine engine) {
    MachineLimits limits =
        engine
            .measureMachine()
            .orElseThrow(() -> new StartupException("--limits needs Parley's kernels"));
    System.out.printf(
        Locale.ROOT,
        "the machine: reads %.1f GB/s, %.0f billion multiplications and additions a second%n",
        limits.bytesPerSecond() / 1e9,
        limits.operationsPerSecond() / 1e9);
    return limits;
  }

  private void run(TensorFlowEngine engine) {
    EngineLoop loop = new EngineLoop(engine, temperature);
    StepCost cost = engine.cost();
    for (int context : contexts) {
      for (int batch : batches) {
        int middle = context + steps / 2;
        print(
            "decode   batch %4d, context %5d".formatted(batch, context),
            loop.decode(batch, context, steps),
            cost.decodeBytes(batch, middle),
            cost.decodeOperations(batch, middle));
      }
    }
    for (int tokens : prefills) {
      int chunk = engine.spec().maxBatchTokens();
      print(
          "prefill  %4d tokens".formatted(tokens),
          loop.prefill(tokens, PREFILLS),
          cost.prefillBytes((tokens + chunk - 1) / chunk),
          cost.prefillOperations(tokens));
    }
  }

  private void print(String what, EngineLoop.Speed speed, long bytes, long operations) {
    double seconds = speed.medianStepMillis() / 1e3;
    String shares =
        limits
            .map(
                most ->
                    String.format(
                        Locale.ROOT,
                        ", %3.0f %% of the memory's and %3.0f %% of the registers' limit",
                        100.0 * bytes / seconds / most.bytesPerSecond(),
                        100.0 * operations / seconds / most.operationsPerSecond()))
            .orElse("");
    System.out.printf(
        Locale.ROOT,
        "%-32s  %9.1f tokens/s, median step %8.2f ms, %5.0f MB resident%s%n",
        what,
        speed.tokensPerSecond(),
        speed.medianStepMillis(),
        ProcessMemory.now().residentBytes() / 1e6,
        shares);
  }
}
