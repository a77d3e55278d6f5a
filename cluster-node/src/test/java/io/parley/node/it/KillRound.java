package io.parley.node.it;

import io.parley.node.chaos.NodeProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Some clients stream at once; at some moment of their answers the node is killed. */
final class KillRound {
  /** Where in the answers the node is killed. */
  enum Moment {
    /** So many milliseconds after the clients begin, so that a turn has perhaps begun. */
    START(0, 100),
    /** When the clients have seen so many events together. */
    MIDDLE(1, 120),
    /** When so many tokens are missing of a client's answer, or none and perhaps the finish. */
    END(0, 10);

    private final int min;
    private final int max;

    Moment(int min, int max) {
      this.min = min;
      this.max = max;
    }
  }

  private static final int TOKENS_MIN = 100;
  private static final int TOKENS_MAX = 160;
  private static final long PATIENCE_MINUTES = 6;

  private final NodeProcess node;
  private final ApiClient api;
  private final List<StreamingClient> clients;
  private final int tokens;
  private final Moment moment;
  private final int killAt;
  private final AtomicInteger seen = new AtomicInteger();
  private long diedAtMillis;
  private long nanos;

  private KillRound(
      NodeProcess node,
      ApiClient api,
      List<StreamingClient> clients,
      int tokens,
      Moment moment,
      int killAt) {
    this.node = node;
    this.api = api;
    this.clients = clients;
    this.tokens = tokens;
    this.moment = moment;
    this.killAt = killAt;
  }

  /** A round with one client of each kind, and perhaps one more. */
  static KillRound of(NodeProcess node, Moment moment, Random random) {
    ApiClient api = new ApiClient(node);
    int tokens = random.nextInt(TOKENS_MIN, TOKENS_MAX + 1);
    List<StreamingClient> clients = new ArrayList<>();
    for (int kind = 0; kind < 3; kind++) {
      clients.add(client(kind, api, tokens));
    }
    if (random.nextBoolean()) {
      clients.add(client(random.nextInt(3), api, tokens));
    }
    int killAt = random.nextInt(moment.min, moment.max + 1);
    return new KillRound(node, api, clients, tokens, moment, killAt);
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
    ExecutorService threads = Executors.newFixedThreadPool(clients.size());
    try {
      CompletableFuture<Void> all =
          CompletableFuture.allOf(
              clients.stream()
                  .map(
                      client ->
                          CompletableFuture.runAsync(
                              () -> client.run(() -> onEvent(client, reached)), threads))
                  .toArray(CompletableFuture<?>[]::new));
      if (moment == Moment.START) {
        reached.completeOnTimeout(null, killAt, TimeUnit.MILLISECONDS);
      }
      CompletableFuture.anyOf(all, reached).orTimeout(PATIENCE_MINUTES, TimeUnit.MINUTES).join();
      node.kill();
      diedAtMillis = System.currentTimeMillis();
      node.start();
      all.orTimeout(PATIENCE_MINUTES, TimeUnit.MINUTES).join();
    } finally {
      threads.shutdownNow();
    }
    nanos = System.nanoTime() - begin;
  }

  private void onEvent(StreamingClient client, CompletableFuture<Void> reached) {
    int sum = seen.incrementAndGet();
    boolean now =
        switch (moment) {
          case START -> false;
          case MIDDLE -> sum == killAt;
          case END -> tokens - client.tokensSeen() <= killAt;
        };
    if (now) {
      reached.complete(null);
    }
  }

  /** Compares what the clients saw with the journal. */
  void check() {
    for (StreamingClient client : clients) {
      JournaledSession session = new JournaledSession(api, client.session());
      session.assertSaw(client, tokens);
      session.assertHeldBeforeShown(client, diedAtMillis);
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
        "killed at %s %d; %d of %d answers of %d tokens cut; %.1f s",
        moment,
        killAt,
        clients.stream().filter(client -> client.losses() > 0).count(),
        clients.size(),
        tokens,
        nanos / 1e9);
  }
}
