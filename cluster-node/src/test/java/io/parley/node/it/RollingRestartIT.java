package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All nodes of a cluster are stopped in order and started again, one after the other, while clients
 * stream: each turn ends as it should, with every token once.
 */
class RollingRestartIT {
  private static final int CLIENTS = 2;
  private static final int TOKENS = 120;
  private static final String[] OPTIONS = {
    "-D", "parley.engine.kv-memory=128MiB",
    "-D", "parley.batcher.slots=4",
    "-D", "parley.http.stop-deadline=1s"
  };

  @TempDir private Path folder;

  @Test
  void noTurnFailsAndNoTokenIsLostWhileAllNodesAreRestarted() {
    try (TestCluster cluster = TestCluster.in(folder)) {
      NodeProcess first = cluster.launch("api,session,worker", OPTIONS);
      first.awaitReady();
      NodeProcess second = cluster.launch("api,session,worker", OPTIONS);
      NodeProcess third = cluster.launch("session", OPTIONS);
      second.awaitReady();
      third.awaitReady();

      AtomicBoolean over = new AtomicBoolean();
      List<StreamingClient> turns = new ArrayList<>();
      List<CompletableFuture<Void>> load = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        ApiClient api = i % 2 == 0 ? new ApiClient(first, second) : new ApiClient(second, first);
        load.add(CompletableFuture.runAsync(() -> converse(api, over, turns)));
      }
      for (NodeProcess node : List.of(third, second, first)) {
        node.stop();
        cluster.launch(node);
        node.awaitReady();
      }
      over.set(true);
      load.forEach(each -> each.orTimeout(5, TimeUnit.MINUTES).join());

      ApiClient api = new ApiClient(first);
      assertThat(turns).as("turns while nodes were restarted").hasSizeGreaterThan(CLIENTS);
      for (StreamingClient turn : turns) {
        JournaledSession session = new JournaledSession(api, turn.session());
        session.assertSaw(turn, TOKENS);
        session.assertSound();
      }
      System.out.println(
          "RollingRestartIT: "
              + turns.size()
              + " turns, none failed; connections that were lost: "
              + turns.stream().mapToInt(StreamingClient::losses).sum());
      second.stop();
      third.stop();
      first.stop();
    }
  }

  /** One turn after the other, each in a session of its own. */
  private static void converse(ApiClient api, AtomicBoolean over, List<StreamingClient> turns) {
    while (!over.get()) {
      StreamingClient turn = new ChatStreamingClient(api, "Tell me a story.", TOKENS);
      turn.run(() -> {});
      synchronized (turns) {
        turns.add(turn);
      }
    }
  }
}
