package io.parley.node.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValueFactory;
import io.parley.node.StartupException;
import io.parley.node.bench.Quality;
import io.parley.node.bench.QualityRun;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.text.GgufTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench quality}. */
@Command(
    name = "quality",
    mixinStandardHelpOptions = true,
    description = {
      "Measures what rounding costs: the perplexity of models on a text, and how far their"
          + " distributions are from those of a reference.",
      "Runs in this process, beside each other: no node, journal or HTTP."
    })
final class QualityBenchCommand implements Callable<Integer> {
  @Option(names = "--text", required = true, description = "A text file in UTF-8.")
  private Path text;

  @Option(
      names = "--model",
      defaultValue = "smollm2-135m-instruct",
      description =
          "A model as for parley up; may be given more than once (default: ${DEFAULT-VALUE}).")
  private List<String> models;

  @Option(
      names = "--reference",
      description = "The model that the others are compared with (default: the first --model).")
  private String reference;

  @Option(
      names = "--reference-kernels",
      defaultValue = "off",
      description =
          "parley.engine.kernels of the reference (default: off, products of 32-bit floats).")
  private String referenceKernels;

  @Option(
      names = "--window",
      defaultValue = "512",
      description = "Tokens that are fed from an empty context (default: ${DEFAULT-VALUE}).")
  private int window;

  @Mixin private ConfigOptions configuration;

  @Override
  public Integer call() {
    Config config =
        configuration
            .load()
            .withValue(
                "parley.engine.kv-blocks",
                ConfigValueFactory.fromAnyRef(window / EngineSettings.BLOCK_SIZE + 1));
    Config ofReference =
        config.withValue("parley.engine.kernels", ConfigValueFactory.fromAnyRef(referenceKernels));
    List<Opened> opened = new ArrayList<>();
    try {
      opened.add(
          open(reference == null ? models.get(0) : reference, EngineSettings.from(ofReference)));
      for (String model : models) {
        opened.add(open(model, EngineSettings.from(config)));
      }
      List<Engine> engines = opened.stream().map(Opened::engine).toList();
      print(opened, new QualityRun(engines, window).run(tokens(opened.get(0).stored(), config)));
      return 0;
    } catch (ModelStoreException | IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    } finally {
      opened.forEach(model -> model.engine().close());
    }
  }

  private record Opened(StoredModel stored, Engine engine) {}

  private static Opened open(String spec, EngineSettings settings) {
    StoredModel stored = ModelStore.in(settings.cacheFolder()).obtain(spec, ProgressListener.NONE);
    return new Opened(
        stored,
        TensorFlowEngine.load(
            stored.file(),
            stored.manifest().sha256(),
            stored.manifest().weights(),
            settings,
            ImportListener.NONE));
  }

  private int[] tokens(StoredModel model, Config config) {
    try (GgufFile file = GgufFile.open(model.file());
        GgufTokenizer tokenizer =
            GgufTokenizer.of(file.metadata(), EngineSettings.from(config).cacheFolder())) {
      return tokenizer.encode(Files.readString(text), false);
    } catch (IOException e) {
      throw new StartupException("cannot read " + text + ": " + e, e);
    }
  }

  private static void print(List<Opened> models, List<Quality.Summary> summaries) {
    for (int i = 0; i < models.size(); i++) {
      Quality.Summary summary = summaries.get(i);
      String name =
          models.get(i).stored().manifest().id() + ", " + models.get(i).engine().spec().variant();
      System.out.printf(
          Locale.ROOT,
          "%-70s  perplexity %.4f over %d tokens%n",
          i == 0 ? "reference: " + name : name,
          summary.perplexity(),
          summary.scored());
      if (i > 0) {
        System.out.printf(
            Locale.ROOT,
            "    same first token %.2f %%, KL divergence mean %.6f, p99 %.5f, max %.5f%n",
            100 * summary.sameFirst(),
            summary.divergenceMean(),
            summary.divergenceP99(),
            summary.divergenceMax());
      }
    }
  }
}
