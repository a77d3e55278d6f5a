package io.parley.node.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.ConfigFactory;
import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import io.parley.persistence.embedded.EmbeddedSettings;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Nodes as processes that share one Cassandra, which is external to them. The first one forms the
 * cluster, the others join whoever lives. Addresses rise in the order of the nodes, and stay with
 * them when they are started again.
 */
public final class NodeCluster implements AutoCloseable {
  static final int NODES_MAX = 8;

  private static final int SHARDS = 100; // parley.session.shards
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path folder;
  private final EmbeddedCassandra cassandra;
  private final NodeNetwork network;
  private final String journal;
  private final Setting setting;
  private final List<Integer> ports;
  private final List<NodeProcess> nodes = new CopyOnWriteArrayList<>();
  private boolean closed; // guarded by this
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(5))
          .build();

  /**
   * What all nodes have in common.
   *
   * @param options further options of {@code parley node}
   * @param environment further variables
   * @param apiKey for their management listeners, where they want one
   */
  record Setting(List<String> options, Map<String, String> environment, Optional<String> apiKey) {}

  private NodeCluster(
      Path folder, EmbeddedCassandra cassandra, NodeNetwork network, Setting setting) {
    this.folder = folder;
    this.cassandra = cassandra;
    this.network = network;
    this.journal = network.fromNodes(cassandra.endpoint().contactPoints().get(0));
    this.setting = setting;
    TreeSet<Integer> free = new TreeSet<>();
    while (free.size() < NODES_MAX) {
      free.add(NodeProcess.freePort());
    }
    this.ports = List.copyOf(free);
  }

  /** A Cassandra, and no node yet; all on loopback. */
  public static NodeCluster in(Path folder) {
    return in(
        folder, new NodeNetwork.Loopback(), new Setting(List.of(), Map.of(), Optional.empty()));
  }

  /** A Cassandra, and no node yet. The network is closed with the cluster. */
  static NodeCluster in(Path folder, NodeNetwork network, Setting setting) {
    return new NodeCluster(
        folder,
        EmbeddedCassandra.start(
            journalSettings(), folder.resolve("journal"), new EmbeddedCassandraListener() {}),
        network,
        setting);
  }

  /** Of a Cassandra that was built, or unpacked, with this program. */
  public static EmbeddedSettings journalSettings() {
    String lib =
        System.getProperty(
            EmbeddedSettings.LIB_PROPERTY,
            NodeProcess.root().resolve("persistence/cassandra/target/lib").toString());
    return EmbeddedSettings.from(
        ConfigFactory.parseMap(Map.of("parley.journal.embedded.lib", lib))
            .withFallback(ConfigFactory.load()));
  }

  /** Begins to start another node. */
  public NodeProcess launch(String roles, String... options) {
    int number = nodes.size();
    List<String> all = new ArrayList<>(List.of(journal()));
    all.addAll(List.of("--bind", address(number), "--advertise", network.clusterHost(number)));
    all.addAll(setting.options());
    all.addAll(List.of(options));
    if (network.canCut()) {
      String host = network.serviceHost(number);
      all.addAll(List.of("--host", host, "-D", "parley.management.host=" + host));
    }
    NodeProcess.Place place =
        new NodeProcess.Place(
            folder.resolve("node-" + number),
            network.serviceHost(number),
            NodeProcess.freePort(),
            roles.contains("api"),
            network.prefix(number),
            setting.environment());
    NodeProcess node = NodeProcess.member(place, roles, all.toArray(String[]::new));
    nodes.add(node);
    launch(node);
    return node;
  }

  /** Begins to start a node again; it joins all that live, or forms the cluster. */
  public synchronized void launch(NodeProcess node) {
    if (closed) {
      throw new IllegalStateException("the cluster is closed");
    }
    List<String> others = new ArrayList<>();
    for (NodeProcess other : nodes) {
      if (other != node && other.isAlive()) {
        others.add(address(other));
      }
    }
    if (others.isEmpty()) {
      node.launch();
    } else {
      node.launch("--join", String.join(",", others));
    }
  }

  /** All nodes that were ever started, in this order. */
  List<NodeProcess> nodes() {
    return nodes;
  }

  /** Where the node with this number is reached by others. */
  public String address(int number) {
    return network.clusterHost(number) + ":" + ports.get(number);
  }

  String address(NodeProcess node) {
    return address(nodes.indexOf(node));
  }

  NodeNetwork network() {
    return network;
  }

  /** What Cassandra needs to be known by. */
  public String[] journal() {
    JournalEndpoint endpoint = cassandra.endpoint();
    return new String[] {
      "-D", "parley.journal.contact-points=[\"" + journal + "\"]",
      "-D", "parley.journal.local-datacenter=" + endpoint.localDatacenter(),
      "-D", "parley.journal.replication.factor=1"
    };
  }

  EmbeddedCassandra cassandra() {
    return cassandra;
  }

  /** The shards that a node has, and how many sessions are awake in each. */
  public Map<Integer, Integer> shards(NodeProcess node) {
    Map<Integer, Integer> shards = new TreeMap<>();
    managed(node, "GET", "/cluster/shards")
        .path("data")
        .forEach(each -> shards.put(each.path("shard").asInt(), each.path("sessions").asInt()));
    return shards;
  }

  /** The shard of a session, by its public id. */
  public static int shardOf(String tenant, String session) {
    return Math.abs((tenant + "/" + session.split("_")[1]).hashCode() % SHARDS);
  }

  /** How many attempts run on a node. */
  public int running(NodeProcess node) {
    int running = 0;
    for (JsonNode model : managed(node, "GET", "/models").path("data")) {
      running += model.at("/activity/running").asInt();
    }
    return running;
  }

  /** The members of the cluster as a node sees them. */
  JsonNode members(NodeProcess node) {
    return managed(node, "GET", "/cluster").path("data");
  }

  /** The releases of the members, as a node knows them. */
  public List<String> versions(NodeProcess node) {
    List<String> versions = new ArrayList<>();
    members(node).forEach(member -> versions.add(member.path("version").asText()));
    return versions;
  }

  /** Has a node drained, as an operator does it at another one. */
  void drain(NodeProcess at, NodeProcess node) {
    String name = URLEncoder.encode(address(node), StandardCharsets.UTF_8);
    JsonNode unused = managed(at, "POST", "/cluster/" + name + "/drain");
  }

  /**
   * Asks a node's management listener.
   *
   * @throws AssertionError when it does not answer
   */
  private JsonNode managed(NodeProcess node, String method, String path) {
    try {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(URI.create(node.managementUrl(path)))
              .timeout(PATIENCE)
              .method(method, HttpRequest.BodyPublishers.noBody());
      setting.apiKey().ifPresent(key -> request.header("Authorization", "Bearer " + key));
      HttpResponse<String> response =
          http.send(request.build(), HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() / 100 != 2) {
        throw new AssertionError(path + ": " + response.statusCode() + " " + response.body());
      }
      return JSON.readTree(response.body());
    } catch (IOException | java.io.UncheckedIOException e) {
      throw new AssertionError("the node's management listener does not answer", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Ends all processes; none is started behind it. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      nodes.forEach(NodeProcess::close);
    } finally {
      Signals.sendIfAlive(cassandra.pid(), "CONT");
      cassandra.close();
      network.close();
    }
  }
}
