package io.parley.node.chaos;

import java.util.List;

/** How the nodes of a cluster are reached, by each other and by clients. */
interface NodeNetwork extends AutoCloseable {
  /** The command that runs a node's command at its place; nothing where it needs none. */
  List<String> prefix(int node);

  /** Where other nodes reach a node. */
  String clusterHost(int node);

  /** Where clients and operators reach it. */
  String serviceHost(int node);

  /** Where nodes reach something that listens on this machine's loopback. */
  String fromNodes(String loopbackAddress);

  /** Whether a node can be cut off from the others. */
  boolean canCut();

  /** Cuts a node off from the others, but not from clients, operators and the journal. */
  void cut(int node);

  /** Ends what {@link #cut} began. */
  void join(int node);

  @Override
  void close();

  /** All on one loopback; nobody can be cut off. */
  final class Loopback implements NodeNetwork {
    private static final String HOST = "127.0.0.1";

    @Override
    public List<String> prefix(int node) {
      return List.of();
    }

    @Override
    public String clusterHost(int node) {
      return HOST;
    }

    @Override
    public String serviceHost(int node) {
      return HOST;
    }

    @Override
    public String fromNodes(String loopbackAddress) {
      return loopbackAddress;
    }

    @Override
    public boolean canCut() {
      return false;
    }

    @Override
    public void cut(int node) {
      throw new IllegalStateException("a loopback cannot be cut");
    }

    @Override
    public void join(int node) {
      throw new IllegalStateException("a loopback cannot be cut");
    }

    @Override
    public void close() {}
  }
}
