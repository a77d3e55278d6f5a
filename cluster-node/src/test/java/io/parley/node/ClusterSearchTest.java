package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import com.typesafe.config.ConfigUtil;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes without journals that are told nobody and find each other by real questions. */
class ClusterSearchTest {
  private static final String SERVICE = "parley.models.example";
  private final ActorNodes nodes = new ActorNodes();
  private DnsServer dns;

  @TempDir private Path folder;

  @BeforeEach
  void startNameServer() throws IOException {
    dns = DnsServer.started();
  }

  @AfterEach
  void stop() {
    nodes.close();
    dns.close();
  }

  private static void foundsNothing() {
    throw new AssertionError("this node forms no cluster by discovery");
  }

  private Map<String, String> settings(String host, int port, String... more) {
    Map<String, String> settings = new HashMap<>();
    settings.put("parley.cluster.advertise-host", host);
    settings.put("parley.cluster.port", Integer.toString(port));
    settings.put("parley.cluster.discovery.method", "dns");
    settings.put("parley.cluster.discovery.service-name", SERVICE);
    settings.put("parley.cluster.discovery.port", Integer.toString(port));
    settings.put("parley.cluster.discovery.stable-margin", "1s");
    settings.put("parley.journal.contact-points", "[\"localhost:9042\"]");
    settings.put("parley.journal.local-datacenter", "dc1");
    settings.put("akka.io.dns.async-dns.nameservers", "[\"" + dns.address() + "\"]");
    for (int i = 0; i < more.length; i += 2) {
      settings.put(more[i], more[i + 1]);
    }
    return settings;
  }

  private Membership forming(String host, int port, Optional<UUID> claim) {
    Membership first =
        nodes.node(
            List.of("session"), settings(host, port, "parley.cluster.discovery.method", "none"));
    assertThat(first.enter(ClusterSearchTest::foundsNothing)).isEmpty();
    first.openDoor(claim);
    return first;
  }

  @Test
  void oneOfTheNodesThatFindEachOtherFormsAClusterAndTheOthersJoinIt() throws Exception {
    List<Integer> ports = freePorts(3);
    dns.service("_cluster._tcp." + SERVICE, "localhost", ports);
    List<Membership> all = new ArrayList<>();
    for (int port : ports) {
      all.add(
          nodes.node(
              List.of("session"),
              settings(
                  "localhost", port,
                  "parley.cluster.discovery.port-name", "cluster",
                  "parley.cluster.discovery.required-nodes", "3")));
    }

    AtomicInteger founders = new AtomicInteger();
    Optional<UUID> claim = Optional.of(UUID.randomUUID());
    List<CompletableFuture<Void>> entering =
        all.stream()
            .map(
                node ->
                    CompletableFuture.runAsync(
                        () -> {
                          Optional<UUID> found = node.enter(founders::incrementAndGet);
                          assertThat(found).isEqualTo(node.hasFormed() ? Optional.empty() : claim);
                          node.openDoor(claim);
                        },
                        task -> new Thread(task, "entering").start()))
            .toList();
    CompletableFuture.allOf(entering.toArray(CompletableFuture<?>[]::new)).get(2, TimeUnit.MINUTES);

    assertThat(founders).hasValue(1);
    assertThat(all.stream().filter(Membership::hasFormed)).hasSize(1);
    for (int node = 0; node < 3; node++) {
      Cluster cluster = Cluster.get(nodes.system(node));
      await()
          .atMost(Duration.ofMinutes(1))
          .until(
              () ->
                  StreamSupport.stream(cluster.state().getMembers().spliterator(), false)
                          .filter(member -> member.status() == MemberStatus.up())
                          .count()
                      == 3);
    }
  }

  @Test
  void aNodeJoinsTheClusterThatDnsLeadsToUnlessItIsRefused() throws Exception {
    int port = freePorts(1).get(0);
    dns.addresses(SERVICE, "127.0.0.1", "127.0.0.2", "127.0.0.3");
    Optional<UUID> claim = Optional.of(UUID.randomUUID());
    forming("127.0.0.1", port, claim);

    Membership second = nodes.node(List.of("worker"), settings("127.0.0.2", port));
    assertThat(second.enter(ClusterSearchTest::foundsNothing)).isEqualTo(claim);
    assertThat(Cluster.get(nodes.system(1)).selfMember().status()).isEqualTo(MemberStatus.up());

    Membership other =
        nodes.node(
            List.of("session"), settings("127.0.0.3", port, "parley.node.cluster-name", "other"));
    assertThatThrownBy(() -> other.enter(ClusterSearchTest::foundsNothing))
        .isInstanceOf(StartupException.class)
        .hasMessage(
            "the cluster at 127.0.0.1:"
                + port
                + " refuses this node: parley.node.cluster-name is parley there and other here");
  }

  @Test
  void whoFindsNobodyOrTooFewOrSomebodySilentWaitsAndSaysForWhat() throws Exception {
    int port = freePorts(1).get(0);
    assertThatThrownBy(() -> searchesInVain("127.0.0.1", port, 1))
        .hasMessageContaining("asked DNS for the addresses of " + SERVICE);

    dns.addresses(SERVICE, "127.0.0.2");
    assertThatThrownBy(() -> searchesInVain("127.0.0.2", port, 2))
        .hasMessageContaining("found 127.0.0.2:" + port + " (this node); 1 of the 2 that");
    assertThatThrownBy(() -> searchesInVain("127.0.0.3", port, 0))
        .hasMessageContaining("; none is a member, and this node does not form a cluster");

    dns.addresses(SERVICE, "127.0.0.4", "127.0.0.5");
    assertThatThrownBy(() -> searchesInVain("127.0.0.4", port, 1))
        .hasMessageContaining("127.0.0.5:" + port + " (no answer); 1 of the 1 that");
    assertThatThrownBy(() -> searchesInVain("127.0.0.6", port, 1))
        .hasMessageContaining("own address 127.0.0.6:" + port + " is not among them");
  }

  private void searchesInVain(String host, int port, int requiredNodes) {
    nodes
        .node(
            List.of("session"),
            settings(
                host,
                port,
                "parley.cluster.discovery.required-nodes",
                Integer.toString(requiredNodes),
                "parley.cluster.join-timeout",
                "1s"))
        .enter(ClusterSearchTest::foundsNothing);
  }

  @Test
  void aPodJoinsTheClusterOfThePodsThatTheKubernetesApiLists() throws Exception {
    List<Integer> ports = freePorts(2);
    Optional<UUID> claim = Optional.of(UUID.randomUUID());
    forming("127.0.0.1", ports.get(0), claim);
    try (KubernetesApi api = KubernetesApi.started(folder, ports.get(0))) {
      assertThat(inPod(api, api.token(), ports.get(1), 60)).isEqualTo("joined with claim " + claim);
      assertThat(api.asked())
          .isEqualTo(
              "/api/v1/namespaces/models/pods?labelSelector=app.kubernetes.io/name%3Dparley");

      Path another = Files.writeString(folder.resolve("another"), "another");
      assertThat(inPod(api, another, ports.get(1), 1))
          .startsWith("no cluster was found: asked the Kubernetes API for running pods of parley")
          .contains("Check RBAC settings");
    }
  }

  /** Runs a worker's start in a process with what a pod has, and gives its last line. */
  private String inPod(KubernetesApi api, Path token, int port, int patienceSeconds)
      throws Exception {
    Path output = folder.resolve("pod.txt");
    String kubernetes = "akka.discovery.kubernetes-api.";
    ProcessBuilder pod =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                JoiningProcess.class.getName(),
                "parley.cluster.port=" + port,
                "parley.cluster.join-timeout=" + patienceSeconds + "s",
                "parley.cluster.discovery.method=kubernetes-api",
                "parley.cluster.discovery.service-name=parley",
                "parley.cluster.discovery.port-name=cluster",
                kubernetes + "api-ca-path=" + quoted(api.authority()),
                kubernetes + "api-token-path=" + quoted(token),
                kubernetes + "pod-namespace-path=" + quoted(api.namespace()))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    pod.environment().put("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    pod.environment().put("KUBERNETES_SERVICE_PORT", Integer.toString(api.port()));
    Process process = pod.start();
    try {
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    List<String> lines = Files.readAllLines(output);
    return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
  }

  private static String quoted(Path path) {
    return ConfigUtil.quoteString(path.toString());
  }

  private static List<Integer> freePorts(int count) throws IOException {
    List<ServerSocket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        sockets.add(new ServerSocket(0, 1, InetAddress.getByName("0.0.0.0")));
      }
      return sockets.stream().map(ServerSocket::getLocalPort).sorted().toList();
    } finally {
      for (ServerSocket socket : sockets) {
        socket.close();
      }
    }
  }
}
