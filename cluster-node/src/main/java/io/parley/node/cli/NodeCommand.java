package io.parley.node.cli;

import io.parley.node.ClusterSettings.HostPort;
import io.parley.node.StartupException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley node}. */
@Command(
    name = "node",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Starts a node of a cluster of several: with --join one that joins it, else the first one,"
          + " which forms it; with parley.cluster.discovery in the configuration it looks for the"
          + " others by itself.",
      "All nodes of a cluster share one journal (parley.journal.contact-points); a node whose only"
          + " role is worker needs none.",
      "Ctrl-C or SIGTERM stops it in order."
    })
final class NodeCommand implements Callable<Integer> {
  @Option(
      names = "--roles",
      split = ",",
      paramLabel = "ROLE",
      description =
          "What runs here, separated by commas: api (HTTP), session (conversations), worker"
              + " (models), bulk (jobs through Kafka); default: all but bulk.")
  private List<String> roles = List.of();

  @Option(
      names = "--join",
      split = ",",
      paramLabel = "HOST:PORT",
      description =
          "Nodes of the cluster to join, as they are advertised; one that answers is enough.")
  private List<String> join = List.of();

  @Option(
      names = "--form",
      description = "Form a cluster, whatever the configuration says of others.")
  private boolean form;

  @Option(
      names = "--bind",
      paramLabel = "HOST[:PORT]",
      description =
          "Where to listen for other nodes (default: as advertised, any free port)."
              + " It must be reachable by them alone: whoever reaches it is trusted.")
  private String bind;

  @Option(
      names = "--advertise",
      paramLabel = "HOST[:PORT]",
      description =
          "Where other nodes reach this one (default: 127.0.0.1, and the port of --bind).")
  private String advertise;

  @Mixin private ServeOptions options;

  @Override
  public Integer call() throws InterruptedException {
    return NodeRun.run(options.load(overrides()));
  }

  private Map<String, String> overrides() {
    if (form && !join.isEmpty()) {
      throw new StartupException("--form and --join exclude each other");
    }
    Map<String, String> own = new LinkedHashMap<>();
    if (!roles.isEmpty()) {
      own.put("parley.node.roles", list(roles));
    }
    if (form || !join.isEmpty()) {
      own.put("parley.cluster.join", list(join));
      own.put("parley.cluster.discovery.method", "none");
    }
    if (bind != null) {
      put(own, bind, "parley.cluster.bind-host", "parley.cluster.port");
    }
    if (advertise != null) {
      put(own, advertise, "parley.cluster.advertise-host", "parley.cluster.advertise-port");
    }
    return own;
  }

  private static void put(Map<String, String> own, String address, String hostKey, String portKey) {
    if (!address.contains(":") || address.endsWith("]")) {
      own.put(hostKey, ServeOptions.quoted(address.replaceAll("^\\[|]$", "")));
      return;
    }
    try {
      HostPort parsed = HostPort.parse(address);
      own.put(hostKey, ServeOptions.quoted(parsed.host()));
      own.put(portKey, Integer.toString(parsed.port()));
    } catch (IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  private static String list(List<String> values) {
    return "[" + String.join(",", values.stream().map(ServeOptions::quoted).toList()) + "]";
  }
}
