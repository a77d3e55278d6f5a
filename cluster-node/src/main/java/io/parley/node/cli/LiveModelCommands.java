package io.parley.node.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.StartupException;
import io.parley.node.StartupReporter;
import io.parley.node.models.MemoryBudget;
import io.parley.node.models.ModelState;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The subcommands of {@code parley model} that manage a running node. */
final class LiveModelCommands {
  private static final long POLL_MILLIS = 200;
  private static final ObjectMapper JSON = new ObjectMapper();

  private LiveModelCommands() {}

  /** {@code parley model ps}. */
  @Command(
      name = "ps",
      mixinStandardHelpOptions = true,
      description = "Lists the models of a running node: kind, state, progress, memory, slots.")
  static final class Ps implements Callable<Integer> {
    private static final String ROW = "%-44s  %-9s  %-10s  %-18s  %9s  %9s  %s%n";

    @Mixin private ManagementOptions node;

    @Override
    public Integer call() throws InterruptedException {
      JsonNode models = node.client().models();
      System.out.printf(
          Locale.ROOT, ROW, "MODEL", "KIND", "STATE", "PROGRESS", "MEMORY", "SLOTS", "KV BLOCKS");
      for (JsonNode model : models) {
        System.out.printf(
            Locale.ROOT,
            ROW,
            name(model),
            model.path("kind").asText("-"),
            model.path("state").asText(),
            progress(model),
            model.has("memory")
                ? MemoryBudget.size(model.path("memory").path("total").asLong())
                : "-",
            used(model.path("activity"), "running", "slots"),
            blocks(model.path("activity")));
        if (model.has("error")) {
          System.out.println("    " + model.at("/error/message").asText());
        }
      }
      return 0;
    }

    private static String progress(JsonNode model) {
      JsonNode progress = model.path("progress");
      if (progress.isMissingNode()) {
        return "-";
      }
      long done = progress.path("done").asLong();
      long total = progress.path("total").asLong();
      String unit = progress.path("unit").asText();
      return unit.equals("bytes")
          ? String.format(Locale.ROOT, "%.0f of %.0f MB", done / 1e6, total / 1e6)
          : done + " of " + total + " " + unit;
    }

    private static String used(JsonNode activity, String used, String all) {
      return activity.isMissingNode()
          ? "-"
          : activity.path(used).asInt() + "/" + activity.path(all).asInt();
    }

    private static String blocks(JsonNode activity) {
      if (activity.isMissingNode()) {
        return "-";
      }
      int all = activity.path("kv_blocks").asInt();
      return (all - activity.path("kv_blocks_free").asInt()) + "/" + all;
    }
  }

  /** {@code parley model load}. */
  @Command(
      name = "load",
      mixinStandardHelpOptions = true,
      description = {
        "Loads a model into a running node, and returns when it serves.",
        "It is fetched first if the store lacks it. Ctrl-C ends the waiting, not the loading."
      })
  static final class Load implements Callable<Integer> {
    @Mixin private ManagementOptions node;

    @Parameters(
        paramLabel = "MODEL",
        description =
            "A name in the store, a GGUF file or an encoder's folder of the node's machine, or a"
                + " source.")
    private String model;

    @Option(names = "--kv-memory", description = "Instead of parley.engine.kv-memory: 512MiB.")
    private String kvMemory;

    @Option(names = "--slots", description = "Instead of parley.batcher.slots.")
    private Integer slots;

    @Option(names = "--no-wait", description = "Return when the loading has begun.")
    private boolean noWait;

    @Override
    public Integer call() throws InterruptedException {
      ObjectNode order = JSON.createObjectNode().put("model", model);
      if (kvMemory != null) {
        order.put("kv_memory", kvMemory);
      }
      if (slots != null) {
        order.put("slots", slots);
      }
      ManagementClient client = node.client();
      JsonNode begun = client.load(order);
      if (noWait) {
        System.out.println(name(begun));
        return 0;
      }
      String number = begun.path("number").asText();
      try (Console console = Console.standardError()) {
        ModelState shown = ModelState.FETCHING;
        StartupReporter.Step step = console.begin(shown.label());
        while (true) {
          JsonNode now =
              client.model(number).orElseThrow(() -> new StartupException("it was unloaded"));
          ModelState state = state(now);
          if (state == ModelState.FAILED) {
            throw new StartupException(now.at("/error/message").asText());
          }
          if (state == ModelState.DRAINING || state == ModelState.CANCELLING) {
            throw new StartupException("it is being unloaded");
          }
          if (state != shown) {
            step.done("");
            if (state == ModelState.SERVING) {
              System.out.println(name(now));
              return 0;
            }
            shown = state;
            step = console.begin(shown.label());
          }
          step.progress(now.at("/progress/done").asLong(), now.at("/progress/total").asLong());
          Thread.sleep(POLL_MILLIS);
        }
      }
    }
  }

  /** {@code parley model unload}. */
  @Command(
      name = "unload",
      mixinStandardHelpOptions = true,
      description = {
        "Unloads a model of a running node, and returns when it is gone.",
        "Running answers may go on for a while; then they are handed back to their sessions."
      })
  static final class Unload implements Callable<Integer> {
    @Mixin private ManagementOptions node;

    @Parameters(paramLabel = "MODEL", description = "name, name@version, or a number of ps.")
    private String model;

    @Option(
        names = "--drain-seconds",
        description = "How long they may go on (default: parley.models.drain-timeout).")
    private Integer drainSeconds;

    @Option(names = "--no-wait", description = "Return when the unloading has begun.")
    private boolean noWait;

    @Override
    public Integer call() throws InterruptedException {
      ManagementClient client = node.client();
      String number =
          client.unload(model, Optional.ofNullable(drainSeconds)).path("number").asText();
      Optional<JsonNode> left = noWait ? Optional.empty() : client.model(number);
      while (left.isPresent()) {
        Thread.sleep(POLL_MILLIS);
        left = client.model(number);
      }
      return 0;
    }
  }

  private static ModelState state(JsonNode model) {
    return ModelState.valueOf(model.path("state").asText().toUpperCase(Locale.ROOT));
  }

  /** What it is, or what was asked for, with the number by which it can be unloaded. */
  private static String name(JsonNode model) {
    return model.path("model").isTextual()
        ? model.path("model").asText()
        : model.path("number").asText() + ": " + model.path("requested").asText();
  }
}
