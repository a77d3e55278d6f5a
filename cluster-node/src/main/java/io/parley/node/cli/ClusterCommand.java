package io.parley.node.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code parley cluster}. */
@Command(
    name = "cluster",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Shows and manages the cluster of a running node, by its management listener.",
    subcommands = {
      ClusterCommand.Status.class,
      ClusterCommand.Workers.class,
      ClusterCommand.Models.class,
      ClusterCommand.Drain.class,
      ClusterCommand.Leave.class,
      ClusterCommand.Down.class
    })
final class ClusterCommand implements Runnable {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }

  /** A command that prints a list, as a table or as it was sent. */
  private abstract static class Listing implements Callable<Integer> {
    @Mixin private ManagementOptions node;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    private final String path;

    Listing(String path) {
      this.path = path;
    }

    @Override
    public Integer call() throws InterruptedException {
      JsonNode list = node.client().cluster(path);
      if (json) {
        System.out.println(list.toPrettyString());
      } else {
        print(list.path("data"));
      }
      return 0;
    }

    abstract void print(JsonNode rows);
  }

  /** {@code parley cluster status}. */
  @Command(
      name = "status",
      mixinStandardHelpOptions = true,
      description = "Lists the nodes: status, roles, shards, and sessions that are awake.")
  static final class Status extends Listing {
    private static final String ROW = "%-28s  %-9s  %-11s  %-20s  %6s  %8s  %s%n";

    Status() {
      super("");
    }

    @Override
    void print(JsonNode rows) {
      System.out.printf(
          Locale.ROOT,
          ROW,
          "NODE",
          "STATUS",
          "REACHABLE",
          "ROLES",
          "SHARDS",
          "SESSIONS",
          "VERSION");
      for (JsonNode row : rows) {
        System.out.printf(
            Locale.ROOT,
            ROW,
            row.path("node").asText() + (row.path("self").asBoolean() ? " *" : ""),
            row.path("status").asText(),
            row.path("reachable").asBoolean() ? "yes" : "no",
            words(row.path("roles")),
            row.path("shards").asText("-"),
            row.path("sessions").asText("-"),
            row.path("version").asText());
      }
    }
  }

  /** {@code parley cluster workers}. */
  @Command(
      name = "workers",
      mixinStandardHelpOptions = true,
      description = "Lists what each worker node serves, and how busy it is.")
  static final class Workers extends Listing {
    private static final String ROW = "%-26s  %-44s  %-9s  %-14s  %9s  %8s  %s%n";

    Workers() {
      super("/workers");
    }

    @Override
    void print(JsonNode rows) {
      System.out.printf(
          Locale.ROOT, ROW, "NODE", "MODEL", "STATE", "DEVICE", "SLOTS", "WAITING", "KV BLOCKS");
      for (JsonNode row : rows) {
        String node = row.path("node").asText();
        if (!row.path("answers").asBoolean()) {
          System.out.printf(Locale.ROOT, ROW, node, "-", "silent", "-", "-", "-", "-");
        }
        for (JsonNode model : row.path("models")) {
          boolean loaded = model.has("slots");
          int blocks = model.path("kv_blocks").asInt();
          System.out.printf(
              Locale.ROOT,
              ROW,
              node,
              model.path("model").asText(),
              model.path("state").asText(),
              model.path("device").asText(),
              loaded ? model.path("running").asInt() + "/" + model.path("slots").asInt() : "-",
              loaded ? model.path("waiting").asText() : "-",
              loaded ? (blocks - model.path("kv_blocks_free").asInt()) + "/" + blocks : "-");
        }
      }
    }
  }

  /** {@code parley cluster models}. */
  @Command(
      name = "models",
      mixinStandardHelpOptions = true,
      description = "Lists the models that the cluster serves, and on which nodes.")
  static final class Models extends Listing {
    private static final String ROW = "%-44s  %8s  %8s  %s%n";

    Models() {
      super("/models");
    }

    @Override
    void print(JsonNode rows) {
      System.out.printf(Locale.ROOT, ROW, "MODEL", "CONTEXT", "WORKERS", "NODES");
      for (JsonNode row : rows) {
        System.out.printf(
            Locale.ROOT,
            ROW,
            row.path("model").asText(),
            row.path("context_length").asText(),
            row.path("workers").asText(),
            words(row.path("nodes")));
      }
    }
  }

  /** A command that does something to a node. */
  private abstract static class Action implements Callable<Integer> {
    @Mixin private ManagementOptions options;

    @Parameters(paramLabel = "NODE", description = "host:port as in status.")
    private String node;

    private final String action;

    Action(String action) {
      this.action = action;
    }

    @Override
    public Integer call() throws InterruptedException {
      options.client().cluster(action, node);
      return 0;
    }
  }

  /** {@code parley cluster drain}. */
  @Command(
      name = "drain",
      mixinStandardHelpOptions = true,
      description = {
        "Stops a node in order, as SIGTERM does: its edge takes nothing more, its workers hand back"
            + " what they run, its sessions move, and it leaves.",
        "Returns when that has begun; the node is gone from status when it is done."
      })
  static final class Drain extends Action {
    Drain() {
      super("drain");
    }
  }

  /** {@code parley cluster leave}. */
  @Command(
      name = "leave",
      mixinStandardHelpOptions = true,
      description = "Takes a node out of the cluster in order, from the cluster's side.")
  static final class Leave extends Action {
    Leave() {
      super("leave");
    }
  }

  /** {@code parley cluster down}. */
  @Command(
      name = "down",
      mixinStandardHelpOptions = true,
      description = {
        "Gives a node up that is known to be dead: what it held starts elsewhere.",
        "Of a node that lives and cannot be reached, two would then write the same sessions."
      })
  static final class Down extends Action {
    Down() {
      super("down");
    }
  }

  private static String words(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false)
        .map(JsonNode::asText)
        .collect(Collectors.joining(","));
  }
}
