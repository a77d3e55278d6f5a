package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.StartupException;
import io.parley.node.bench.EngineLoop;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench engine}. */
@Command(
    name = "engine",
    mixinStandardHelpOptions = true,
    description = "Measures the bare engine loop in this process: no node, journal or HTTP.")
final class EngineBenchCommand implements Callable<Integer> {
  private static final int PREFILLS = 4;

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
      defaultValue = "128",
      description = "Tokens before the first decoded one (default: ${DEFAULT-VALUE}).")
  private int context;

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

  @Mixin private ConfigOptions configuration;

  @Override
  public Integer call() {
    Config config = configuration.load();
    try {
      EngineSettings engineSettings = EngineSettings.from(config);
      StoredModel stored =
          ModelStore.in(engineSettings.cacheFolder()).obtain(model, ProgressListener.NONE);
      try (Engine engine =
          TensorFlowEngine.load(
              stored.file(), stored.manifest().sha256(), engineSettings, ImportListener.NONE)) {
        System.out.println(stored.manifest().id() + ", " + engine.spec().variant());
        EngineLoop loop = new EngineLoop(engine);
        for (int batch : batches) {
          print(
              "decode   batch %4d, context %5d".formatted(batch, context),
              loop.decode(batch, context, steps));
        }
        for (int tokens : prefills) {
          print("prefill  %4d tokens".formatted(tokens), loop.prefill(tokens, PREFILLS));
        }
      }
      return 0;
    } catch (ModelStoreException | IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  private static void print(String what, EngineLoop.Speed speed) {
    System.out.printf(
        Locale.ROOT,
        "%-29s  %9.1f tokens/s, median step %8.2f ms%n",
        what,
        speed.tokensPerSecond(),
        speed.medianStepMillis());
  }
}
