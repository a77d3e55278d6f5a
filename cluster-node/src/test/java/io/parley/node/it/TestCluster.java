package io.parley.node.it;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Nodes as processes that share one Cassandra, which is external to them. The first one forms the
 * cluster, the others join whoever lives. Addresses rise in the order of the nodes, and stay with
 * them when they are started again.
 */
final class TestCluster implements AutoCloseable {
  private static final int NODES_MAX = 8;
  private static final int SHARDS = 100; // parley.session.shards
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final Path folder;
  private final EmbeddedCassandra cassandra;
  private final List<Integer> ports;
  private final List<NodeProcess> nodes = new ArrayList<>();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private TestCluster(Path folder, EmbeddedCassandra cassandra) {
    this.folder = folder;
    this.cassandra = cassandra;
    TreeSet<Integer> free = new TreeSet<>();
    while (free.size() < NODES_MAX) {
      free.add(NodeProcess.freePort());
    }
    this.ports = List.copyOf(free);
  }

  /** A Cassandra, and no node yet. */
  static TestCluster in(Path folder) {
    return new TestCluster(
        folder,
        EmbeddedCassandra.start(
            KillIT.journalSettings(),
            folder.resolve("journal"),
            new EmbeddedCassandraListener() {}));
  }

  /** Begins to start another node. */
  NodeProcess launch(String roles, String... options) {
    List<String> all = new ArrayList<>(List.of(journal()));
    all.addAll(List.of("--bind", address(nodes.size())));
    all.addAll(List.of(options));
    Path data = folder.resolve("node-" + nodes.size());
    NodeProcess node = NodeProcess.member(data, roles, all.toArray(String[]::new));
    nodes.add(node);
    launch(node);
    return node;
  }

  /** Begins to start a node again; it joins all that live, or forms the cluster. */
  void launch(NodeProcess node) {
    List<String> others = new ArrayList<>();
    for (NodeProcess other : nodes) {
      if (other != node && other.isAlive()) {
        others.add(address(nodes.indexOf(other)));
      }
    }
    if (others.isEmpty()) {
      node.launch();
    } else {
      node.launch("--join", String.join(",", others));
    }
  }

  /** Where the node with this number is reached by others. */
  String address(int number) {
    return "127.0.0.1:" + ports.get(number);
  }

  /** What Cassandra needs to be known by. */
  String[] journal() {
    return KillIT.on(cassandra.endpoint());
  }

  /** The shards that a node has, and how many sessions are awake in each. */
  Map<Integer, Integer> shards(NodeProcess node) {
    Map<Integer, Integer> shards = new TreeMap<>();
    managed(node, "/cluster/shards")
        .path("data")
        .forEach(each -> shards.put(each.path("shard").asInt(), each.path("sessions").asInt()));
    return shards;
  }

  /** The releases of the members, as a node knows them. */
  List<String> versions(NodeProcess node) {
    List<String> versions = new ArrayList<>();
    managed(node, "/cluster")
        .path("data")
        .forEach(member -> versions.add(member.path("version").asText()));
    return versions;
  }

  /** A new session that lives on this node. */
  String newSessionOn(NodeProcess node, ApiClient api) {
    return await("a session on the node")
        .atMost(PATIENCE)
        .until(api::newSession, session -> shards(node).containsKey(shardOf(session)));
  }

  static int shardOf(String session) {
    return Math.abs(("default/" + session.split("_")[1]).hashCode() % SHARDS);
  }

  /** How many attempts run on a node. */
  int running(NodeProcess node) {
    int running = 0;
    for (JsonNode model : managed(node, "/models").path("data")) {
      running += model.at("/activity/running").asInt();
    }
    return running;
  }

  private JsonNode managed(NodeProcess node, String path) {
    try {
      HttpRequest request = HttpRequest.newBuilder(URI.create(node.managementUrl(path))).build();
      return ApiClient.parse(http.send(request, HttpResponse.BodyHandlers.ofString()).body());
    } catch (IOException e) {
      throw new AssertionError("the node's management listener does not answer", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    nodes.forEach(NodeProcess::close);
    cassandra.close();
  }
}
