package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.chaos.NodeProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each node of a cluster is stopped in order and started again, one after the other, while clients
 * stream and call all the time: no turn fails, no token is lost or repeated, and whoever asks a
 * node that stops is told to come again.
 */
class RollingRestartIT {
  private static final String[] SIMULATED = {
    "--model",
    "simulated#decode=60&slots=8&answer-tokens=0&context-length=131072",
    "-D",
    "parley.simulated.name=" + ApiClient.MODEL
  };

  /** What Akka logs when a node has left in order. */
  private static final String LEFT = "Exiting completed";

  @TempDir private Path folder;

  @Test
  void everyTurnGoesOnWhileEachNodeIsRestarted() {
    try (TestCluster cluster = TestCluster.in(folder)) {
      NodeProcess oldest = cluster.launch("api,session,worker", SIMULATED);
      oldest.awaitReady();
      NodeProcess second = cluster.launch("api,session,worker", SIMULATED);
      NodeProcess third = cluster.launch("api,session,worker", SIMULATED);
      NodeProcess worker = cluster.launch("worker", SIMULATED);
      List.of(second, third, worker).forEach(NodeProcess::awaitReady);
      assertThat(cluster.versions(oldest)).hasSize(4).containsOnly(version());
      List<NodeProcess> edges = List.of(oldest, second, third);

      List<RollingClient> clients = clients(edges);
      ExecutorService threads = Executors.newFixedThreadPool(clients.size());
      try {
        List<CompletableFuture<Void>> running =
            clients.stream().map(client -> CompletableFuture.runAsync(client, threads)).toList();
        clients.forEach(RollingClient::awaitTurn);
        List<Restart> restarts = new ArrayList<>();
        restarts.add(drained(cluster, worker, 3, second));
        restarts.add(stopped(cluster, second, "a session node, not the oldest"));
        restarts.add(drained(cluster, oldest, 0, third));
        restarts.add(stopped(cluster, third, "the oldest again"));
        clients.forEach(RollingClient::stop);
        running.forEach(CompletableFuture::join);
        restarts.forEach(restart -> restart.report(clients));
      } finally {
        threads.shutdownNow();
      }
      ApiClient api = new ApiClient(second);
      clients.forEach(client -> client.check(api));
    }
  }

  /** The build's, by which shards prefer the nodes of a newer release. */
  private static String version() {
    try {
      String pom = Files.readString(NodeProcess.root().resolve("pom.xml"));
      Matcher version = Pattern.compile("<version>([^<]+)</version>").matcher(pom);
      assertThat(version.find()).isTrue();
      return version.group(1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<RollingClient> clients(List<NodeProcess> edges) {
    return Stream.of(RollingClient.Kind.values())
        .flatMap(kind -> edges.stream().map(edge -> new RollingClient(kind, edge, edges)))
        .toList();
  }

  /** When a node began to stop and had ended. */
  private record Restart(String what, long fromNanos, long toNanos) {
    void report(List<RollingClient> clients) {
      List<Double> pauses =
          clients.stream()
              .flatMap(client -> client.pausesSeconds(fromNanos, toNanos).stream())
              .sorted()
              .toList();
      assertThat(pauses).as("streams at living edges while %s stopped", what).isNotEmpty();
      System.out.printf(
          Locale.ROOT,
          "RollingRestartIT: %s stopped in %.1f s; the longest pause of each of %d streams at"
              + " living edges: p50 %.2f s, p90 %.2f s, max %.2f s%n",
          what,
          (toNanos - fromNanos) / 1e9,
          pauses.size(),
          pauses.get(pauses.size() / 2),
          pauses.get(pauses.size() * 9 / 10),
          pauses.get(pauses.size() - 1));
    }
  }

  private static Restart drained(
      TestCluster cluster, NodeProcess node, int number, NodeProcess by) {
    long from = System.nanoTime();
    Commands.parley(
            Duration.ofMinutes(1),
            "cluster",
            "drain",
            cluster.address(number),
            "--data",
            by.data().toString())
        .success();
    node.awaitEnd();
    Restart restart =
        new Restart(number == 0 ? "the oldest node" : "a worker", from, System.nanoTime());
    assertThat(node.output()).contains("stopped: it was drained");
    again(cluster, node);
    return restart;
  }

  private static Restart stopped(TestCluster cluster, NodeProcess node, String what) {
    long from = System.nanoTime();
    node.stop();
    Restart restart = new Restart(what, from, System.nanoTime());
    assertThat(node.log()).as("it left its cluster, and was not given up").contains(LEFT);
    again(cluster, node);
    return restart;
  }

  private static void again(TestCluster cluster, NodeProcess node) {
    cluster.launch(node);
    node.awaitReady();
  }
}
