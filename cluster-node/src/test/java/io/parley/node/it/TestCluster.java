package io.parley.node.it;

import static org.awaitility.Awaitility.await;

import io.parley.node.chaos.NodeCluster;
import io.parley.node.chaos.NodeProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A {@link NodeCluster} whose clients are of the default tenant. */
final class TestCluster implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final NodeCluster cluster;

  private TestCluster(NodeCluster cluster) {
    this.cluster = cluster;
  }

  /** A Cassandra, and no node yet. */
  static TestCluster in(Path folder) {
    return new TestCluster(NodeCluster.in(folder));
  }

  /** Begins to start another node. */
  NodeProcess launch(String roles, String... options) {
    return cluster.launch(roles, options);
  }

  /** Begins to start a node again; it joins all that live, or forms the cluster. */
  void launch(NodeProcess node) {
    cluster.launch(node);
  }

  /** Where the node with this number is reached by others. */
  String address(int number) {
    return cluster.address(number);
  }

  /** What Cassandra needs to be known by. */
  String[] journal() {
    return cluster.journal();
  }

  /** The shards that a node has, and how many sessions are awake in each. */
  Map<Integer, Integer> shards(NodeProcess node) {
    return cluster.shards(node);
  }

  /** The releases of the members, as a node knows them. */
  List<String> versions(NodeProcess node) {
    return cluster.versions(node);
  }

  /** A new session that lives on this node. */
  String newSessionOn(NodeProcess node, ApiClient api) {
    return await("a session on the node")
        .atMost(PATIENCE)
        .until(api::newSession, session -> shards(node).containsKey(shardOf(session)));
  }

  static int shardOf(String session) {
    return NodeCluster.shardOf("default", session);
  }

  /** How many attempts run on a node. */
  int running(NodeProcess node) {
    return cluster.running(node);
  }

  @Override
  public void close() {
    cluster.close();
  }
}
