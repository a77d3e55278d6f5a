package io.parley.node.chaos;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A network namespace for each node, with two links: one into the network of the nodes, one into
 * that of clients, operators and the journal. Needs root and the program {@code ip}.
 *
 * <p>So a node can be cut off from the others while it still reaches the journal and is reached by
 * clients: the case in which two nodes might write one session.
 */
final class Namespaces implements NodeNetwork {
  private static final int TAGS = 250;
  private static final int NODE_BASE = 10; // the last number of the first node's addresses

  private final int tag;
  private final List<String> made = new ArrayList<>();
  private final List<TcpRelay> relays = new ArrayList<>();

  private Namespaces(int tag) {
    this.tag = tag;
  }

  /** As many as there may be nodes; empty where this process may not make them. */
  static Optional<NodeNetwork> make(int nodes) {
    Namespaces network = new Namespaces((int) (ProcessHandle.current().pid() % TAGS));
    try {
      network.bridge("c", "10.231.");
      network.bridge("s", "10.232.");
      for (int node = 0; node < nodes; node++) {
        network.namespace(node);
      }
      return Optional.of(network);
    } catch (IllegalStateException e) {
      network.close();
      return Optional.empty();
    }
  }

  private void bridge(String kind, String net) {
    String name = "p" + kind + tag;
    ip("link", "add", name, "type", "bridge");
    made.add(name);
    ip("addr", "add", net + tag + ".1/24", "dev", name);
    ip("link", "set", name, "up");
  }

  private void namespace(int node) {
    String name = name(node);
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
    link(node, "c", clusterHost(node));
    link(node, "s", serviceHost(node));
  }

  private void link(int node, String kind, String address) {
    String outside = outside(kind, node);
    String inside = kind + "0";
    ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name(node));
    made.add(outside);
    ip("link", "set", outside, "master", "p" + kind + tag);
    ip("link", "set", outside, "up");
    ip("-n", name(node), "addr", "add", address + "/24", "dev", inside);
    ip("-n", name(node), "link", "set", inside, "up");
  }

  private String name(int node) {
    return "pn" + tag + "-" + node;
  }

  private String outside(String kind, int node) {
    return "p" + kind + tag + "-" + node;
  }

  private static void ip(String... arguments) {
    List<String> command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(arguments));
    Signals.run(command.toArray(String[]::new));
  }

  @Override
  public List<String> prefix(int node) {
    return List.of("ip", "netns", "exec", name(node));
  }

  @Override
  public String clusterHost(int node) {
    return "10.231." + tag + "." + (NODE_BASE + node);
  }

  @Override
  public String serviceHost(int node) {
    return "10.232." + tag + "." + (NODE_BASE + node);
  }

  @Override
  public String fromNodes(String loopbackAddress) {
    try {
      TcpRelay relay = TcpRelay.open("10.232." + tag + ".1", loopbackAddress);
      relays.add(relay);
      return relay.address();
    } catch (IOException e) {
      throw new IllegalStateException("no relay to " + loopbackAddress + ": " + e.getMessage(), e);
    }
  }

  @Override
  public boolean canCut() {
    return true;
  }

  @Override
  public void cut(int node) {
    ip("link", "set", outside("c", node), "down");
  }

  @Override
  public void join(int node) {
    ip("link", "set", outside("c", node), "up");
  }

  @Override
  public synchronized void close() {
    relays.forEach(TcpRelay::close);
    for (int i = made.size() - 1; i >= 0; i--) {
      quietly("link", "del", made.get(i));
    }
    made.stream()
        .filter(link -> link.startsWith("pc" + tag + "-"))
        .forEach(link -> quietly("netns", "del", "pn" + link.substring(2)));
    made.clear();
  }

  private static void quietly(String... arguments) {
    try {
      ip(arguments);
    } catch (IllegalStateException e) {
      // gone already
    }
  }
}
