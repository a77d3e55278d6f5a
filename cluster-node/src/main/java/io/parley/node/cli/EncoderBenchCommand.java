package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.StartupException;
import io.parley.node.bench.EncoderLoop;
import io.parley.workers.engine.Encoder;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEncoder;
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

/** {@code parley bench encoder}. */
@Command(
    name = "encoder",
    mixinStandardHelpOptions = true,
    description = "Measures a bare text encoder in this process: no node or HTTP.")
final class EncoderBenchCommand implements Callable<Integer> {
  @Option(
      names = "--model",
      defaultValue = "all-minilm-l6-v2",
      description = "An encoder as for parley up (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--batch",
      split = ",",
      defaultValue = "1,8,32",
      description = "Texts in a forward pass (default: ${DEFAULT-VALUE}).")
  private List<Integer> batches;

  @Option(
      names = "--tokens",
      split = ",",
      defaultValue = "16,128,256",
      description = "Tokens of a text (default: ${DEFAULT-VALUE}).")
  private List<Integer> lengths;

  @Mixin private ConfigOptions configuration;

  @Override
  public Integer call() {
    Config config = configuration.load();
    try {
      EngineSettings settings = EngineSettings.from(config);
      StoredModel stored =
          ModelStore.in(settings.cacheFolder()).obtain(model, ProgressListener.NONE);
      if (!stored.isEncoder()) {
        throw new StartupException("the model '" + model + "' is no text encoder");
      }
      try (Encoder encoder =
          TensorFlowEncoder.load(
              stored.file(), stored.manifest().sha256(), settings, ImportListener.NONE)) {
        System.out.println(stored.manifest().id() + ", " + encoder.spec().variant());
        EncoderLoop loop = new EncoderLoop(encoder);
        for (int tokens : lengths) {
          for (int batch : batches) {
            EncoderLoop.Speed speed = loop.embed(batch, tokens);
            System.out.printf(
                Locale.ROOT,
                "%4d tokens, batch %4d  %9.1f texts/s, median pass %8.2f ms%n",
                tokens,
                batch,
                speed.textsPerSecond(),
                speed.medianPassMillis());
          }
        }
      }
      return 0;
    } catch (ModelStoreException | IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }
}
