package io.parley.node.it;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Some clients stream at once; when they have seen so many events together, the node is killed. */
final class KillRound {
  private static final int KILL_AT_MAX = 120;
  private static final int TOKENS_MIN = 100;
  private static final int TOKENS_MAX = 160;
  private static final long PATIENCE_MINUTES = 6;

  private final NodeProcess node;
  private final ApiClient api;
  private final List<StreamingClient> clients;
  private final int tokens;
  private final int killAt;
  private long nanos;

  private KillRound(
      NodeProcess node, ApiClient api, List<StreamingClient> clients, int tokens, int killAt) {
    this.node = node;
    this.api = api;
    this.clients = clients;
    this.tokens = tokens;
    this.killAt = killAt;
  }

  /** A round with one client of each kind, and perhaps one more. */
  static KillRound of(NodeProcess node, Random random) {
    ApiClient api = new ApiClient(node);
    int tokens = random.nextInt(TOKENS_MIN, TOKENS_MAX + 1);
    List<StreamingClient> clients = new ArrayList<>();
    for (int kind = 0; kind < 3; kind++) {
      clients.add(client(kind, api, tokens));
    }
    if (random.nextBoolean()) {
      clients.add(client(random.nextInt(3), api, tokens));
    }
    return new KillRound(node, api, clients, tokens, random.nextInt(1, KILL_AT_MAX + 1));
  }

  private static StreamingClient client(int kind, ApiClient api, int tokens) {
    return switch (kind) {
      case 0 -> new ChatStreamingClient(api, "Tell me about lighthouses.", tokens);
      case 1 -> new SessionStreamingClient(api, api.newSession(), "Tell me a story.", tokens);
      default -> new ResponseStreamingClient(api, "What is the sea?", tokens);
    };
  }

  /** Streams, kills, starts again, and waits until each client has its whole answer. */
  void run() {
    long begin = System.nanoTime();
    CompletableFuture<Void> reached = new CompletableFuture<>();
    AtomicInteger seen = new AtomicInteger();
    Runnable onEvent =
        () -> {
          if (seen.incrementAndGet() == killAt) {
            reached.complete(null);
          }
        };
    ExecutorService threads = Executors.newFixedThreadPool(clients.size());
    try {
      CompletableFuture<Void> all =
          CompletableFuture.allOf(
              clients.stream()
                  .map(client -> CompletableFuture.runAsync(() -> client.run(onEvent), threads))
                  .toArray(CompletableFuture<?>[]::new));
      CompletableFuture.anyOf(all, reached).orTimeout(PATIENCE_MINUTES, TimeUnit.MINUTES).join();
      node.kill();
      node.start();
      all.orTimeout(PATIENCE_MINUTES, TimeUnit.MINUTES).join();
    } finally {
      threads.shutdownNow();
    }
    nanos = System.nanoTime() - begin;
  }

  /** Compares what the clients saw with the journal. */
  void check() {
    for (StreamingClient client : clients) {
      JournaledSession session = new JournaledSession(api, client.session());
      session.assertSaw(client, tokens);
      session.assertSound();
    }
  }

  /** Whether a client lost its stream between its first event and its last. */
  boolean fellInMidAnswer() {
    return clients.stream().anyMatch(client -> client.losses() > 0);
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "killed at event %d; %d of %d answers of %d tokens cut; %.1f s",
        killAt,
        clients.stream().filter(client -> client.losses() > 0).count(),
        clients.size(),
        tokens,
        nanos / 1e9);
  }
}
