package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three nodes over one Cassandra; what each holds for the others dies by {@code kill -9} in the
 * middle of answers. Whoever streams from a node that lives notices a pause and nothing else.
 */
class ClusterIT {
  private static final int TOKENS = 300;
  private static final int SEEN_BEFORE = 10;
  private static final String[] SMALL = {
    "-D", "parley.engine.kv-memory=128MiB", "-D", "parley.batcher.slots=4"
  };

  @TempDir private Path folder;

  /** One answer as a client sees it, with the times at which its parts came. */
  private static final class Streamed {
    private final StreamingClient client;
    private final List<Long> seenNanos = new ArrayList<>(); // guarded by this
    private final CompletableFuture<Void> inMidAnswer = new CompletableFuture<>();
    private final CompletableFuture<Void> end;

    Streamed(StreamingClient client) {
      this.client = client;
      this.end = CompletableFuture.runAsync(() -> client.run(this::seen));
    }

    private synchronized void seen() {
      seenNanos.add(System.nanoTime());
      if (seenNanos.size() == SEEN_BEFORE) {
        inMidAnswer.complete(null);
      }
    }

    void awaitMiddle() {
      CompletableFuture.anyOf(inMidAnswer, end).orTimeout(3, TimeUnit.MINUTES).join();
      assertThat(end).as("the answer of %s, still under way", client).isNotDone();
    }

    void awaitEnd() {
      end.orTimeout(5, TimeUnit.MINUTES).join();
    }

    /** The longest pause between two parts, in seconds. */
    synchronized double stallSeconds() {
      long longest = 0;
      for (int i = 1; i < seenNanos.size(); i++) {
        longest = Math.max(longest, seenNanos.get(i) - seenNanos.get(i - 1));
      }
      return longest / 1e9;
    }

    void check(ApiClient api) {
      JournaledSession session = new JournaledSession(api, client.session());
      session.assertSaw(client, TOKENS);
      session.assertSound();
    }
  }

  @Test
  void streamsGoOnWhenTheNodeOfTheirSessionTheirEdgeOrTheirWorkerDies() {
    try (TestCluster cluster = TestCluster.in(folder)) {
      NodeProcess first = cluster.launch("api,session,worker", SMALL);
      first.awaitReady();
      NodeProcess second = cluster.launch("api,session");
      NodeProcess third = cluster.launch("session,worker", SMALL);
      second.awaitReady();
      third.awaitReady();
      ApiClient api = new ApiClient(first);
      refusesWhatDoesNotFit(cluster);
      operatorsSeeTheWholeCluster(cluster, first, third);

      Streamed ofSession = stream(api, cluster.newSessionOn(second, api));
      ApiClient atSecond = new ApiClient(second, first);
      Streamed atEdge = stream(atSecond, cluster.newSessionOn(first, atSecond));
      ofSession.awaitMiddle();
      atEdge.awaitMiddle();
      second.kill();
      ofSession.awaitEnd();
      atEdge.awaitEnd();
      assertThat(ofSession.client.losses()).as("lost connections: a pause is no loss").isZero();
      assertThat(atEdge.client.losses()).as("lost connections to the killed edge").isEqualTo(1);
      ofSession.check(api);
      atEdge.check(api);
      report("the node of its session", ofSession);
      report("the node of its connection", atEdge);

      // of two the one with the lower address lives on, see operators.md
      Streamed ofWorker = stream(api, cluster.newSessionOn(first, api));
      Streamed another = stream(api, cluster.newSessionOn(first, api));
      ofWorker.awaitMiddle();
      another.awaitMiddle();
      assertThat(cluster.running(third)).as("answers on the worker that is killed").isPositive();
      third.kill();
      ofWorker.awaitEnd();
      another.awaitEnd();
      assertThat(ofWorker.client.losses() + another.client.losses()).isZero();
      ofWorker.check(api);
      another.check(api);
      report("the node of its worker, perhaps", ofWorker);
      report("the node of its worker, perhaps", another);
      command(first, "drain", cluster.address(0));
      first.awaitEnd();
      assertThat(first.output()).contains("stopped: it was drained");
    }
  }

  private static void operatorsSeeTheWholeCluster(
      TestCluster cluster, NodeProcess first, NodeProcess third) {
    List<String> nodes = command(third, "status").lines().skip(1).toList();
    assertThat(nodes).hasSize(3).allMatch(line -> line.contains(" up "));
    assertThat(nodes.get(0)).contains(cluster.address(0), "api,session,worker");
    assertThat(nodes.get(1)).contains(cluster.address(1), "api,session ");
    assertThat(nodes.get(2)).contains(cluster.address(2) + " *", "session,worker");

    JsonNode workers = ApiClient.parse(command(first, "workers", "--json")).path("data");
    assertThat(workers).hasSize(2);
    assertThat(workers)
        .allSatisfy(
            node -> {
              assertThat(node.at("/models/0/model").asText()).startsWith(ApiClient.MODEL + "@");
              assertThat(node.at("/models/0/slots").asInt()).isEqualTo(4);
              assertThat(node.at("/models/0/device").asText()).isEqualTo("cpu");
            });
    assertThat(command(first, "models"))
        .contains(ApiClient.MODEL, cluster.address(0) + "," + cluster.address(2));
  }

  private static String command(NodeProcess node, String name, String... more) {
    List<String> arguments = new ArrayList<>(List.of("cluster", name));
    arguments.addAll(List.of(more));
    arguments.addAll(List.of("--data", node.data().toString()));
    return Commands.parley(Duration.ofMinutes(1), arguments.toArray(String[]::new)).success();
  }

  /** A node with other settings, and a second cluster on the journal, end with one line. */
  private void refusesWhatDoesNotFit(TestCluster cluster) {
    assertEndsWith(
        member("other", cluster, "--join", cluster.address(0), "-D", "parley.session.shards=50"),
        "refuses this node: parley.session.shards is 100 there and 50 here");
    assertEndsWith(member("second", cluster), "is in use by the cluster 'parley'");
  }

  private NodeProcess member(String name, TestCluster cluster, String... options) {
    List<String> all = new ArrayList<>(List.of(cluster.journal()));
    all.addAll(List.of(options));
    NodeProcess node =
        NodeProcess.member(folder.resolve(name), "session", all.toArray(String[]::new));
    node.launch();
    return node;
  }

  private static void assertEndsWith(NodeProcess node, String line) {
    try (node) {
      node.awaitEnd();
      assertThat(node.output()).contains(line);
    }
  }

  private static Streamed stream(ApiClient api, String session) {
    return new Streamed(new SessionStreamingClient(api, session, "Tell me a story.", TOKENS));
  }

  private static void report(String died, Streamed streamed) {
    System.out.printf(
        Locale.ROOT,
        "ClusterIT: killed %s: the stream stood still for %.1f s%n",
        died,
        streamed.stallSeconds());
  }
}
