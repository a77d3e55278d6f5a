package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * A user who has one turn after the other until he is told to stop, at the edge next to him when it
 * is there and else at another. He keeps all that he saw.
 */
final class RollingClient implements Runnable {
  private static final int TOKENS = 150;
  private static final long PATIENCE_NANOS = TimeUnit.MINUTES.toNanos(2);
  private static final long RETRY_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  enum Kind {
    CHAT,
    SESSION,
    RESPONSE,
    CALL
  }

  /** A streamed turn with the times of its parts. */
  private record Streamed(StreamingClient client, List<Long> seenNanos) {}

  /** A turn that was asked for in one piece. */
  private record Called(String key, ApiClient.Reply reply) {}

  private final Kind kind;
  private final ApiClient api;
  private final List<Streamed> streamed = new ArrayList<>();
  private final List<Called> called = new ArrayList<>();
  private final CountDownLatch firstTurn = new CountDownLatch(1);
  private volatile boolean stopped;

  RollingClient(Kind kind, NodeProcess edge, List<NodeProcess> edges) {
    this.kind = kind;
    this.api =
        new ApiClient(
            Stream.concat(Stream.of(edge), edges.stream().filter(other -> other != edge))
                .toArray(NodeProcess[]::new));
  }

  @Override
  public void run() {
    String session = kind == Kind.SESSION ? api.newSession() : "";
    try {
      while (!stopped) {
        api.goHome();
        if (kind == Kind.CALL) {
          call();
        } else {
          stream(session);
        }
        firstTurn.countDown();
      }
    } finally {
      firstTurn.countDown();
    }
  }

  void awaitTurn() {
    try {
      assertThat(firstTurn.await(2, TimeUnit.MINUTES)).as("a first turn of %s", kind).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  void stop() {
    stopped = true;
  }

  private void stream(String session) {
    StreamingClient client =
        switch (kind) {
          case CHAT -> new ChatStreamingClient(api, "Tell me a story.", TOKENS);
          case SESSION -> new SessionStreamingClient(api, session, "Go on.", TOKENS);
          default -> new ResponseStreamingClient(api, "Tell me a story.", TOKENS);
        };
    Streamed turn = new Streamed(client, new ArrayList<>());
    client.run(() -> turn.seenNanos().add(System.nanoTime()));
    streamed.add(turn);
  }

  /** Asks until it is answered; what a node says that stops is a 503. */
  private void call() {
    String key = UUID.randomUUID().toString();
    String body = ChatStreamingClient.body("Tell me a story.", TOKENS, false);
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (true) {
      try {
        ApiClient.Reply reply =
            api.send(api.post("/v1/chat/completions", body, "Idempotency-Key", key)).join();
        assertThat(reply.status()).as("%s: %s", key, reply.body()).isIn(200, 503);
        if (reply.status() == 200) {
          called.add(new Called(key, reply));
          return;
        }
        assertThat(reply.json().at("/error/code").asText()).isNotEmpty();
      } catch (CompletionException e) {
        // the connection was lost, or nobody listens
      }
      assertThat(System.nanoTime()).as("an answer to %s in time", key).isLessThan(deadline);
      api.goElsewhere();
      LockSupport.parkNanos(RETRY_PAUSE_NANOS);
    }
  }

  /** Of each stream that ran at a time, and whose edge stayed, the longest pause at that time. */
  List<Double> pausesSeconds(long fromNanos, long toNanos) {
    return streamed.stream()
        .filter(turn -> turn.client().losses() == 0)
        .mapToLong(turn -> longestPauseNanos(turn.seenNanos(), fromNanos, toNanos))
        .filter(pause -> pause > 0)
        .mapToObj(pause -> pause / 1e9)
        .toList();
  }

  private static long longestPauseNanos(List<Long> seen, long from, long to) {
    long longest = 0;
    for (int i = 1; i < seen.size(); i++) {
      if (seen.get(i) >= from && seen.get(i - 1) <= to) {
        longest = Math.max(longest, seen.get(i) - seen.get(i - 1));
      }
    }
    return longest;
  }

  /** Checks that each turn is journaled once, completed, and as it was seen. */
  void check(ApiClient by) {
    Set<String> sessions = new LinkedHashSet<>();
    for (Streamed turn : streamed) {
      new JournaledSession(by, turn.client().session()).assertSaw(turn.client(), TOKENS);
      sessions.add(turn.client().session());
    }
    for (Called turn : called) {
      JsonNode completion = turn.reply().json();
      String session = "sess_" + completion.path("id").asText().split("-")[1];
      JsonNode journaled = by.json(by.get("/v1/sessions/" + session + "/turns/1"));
      assertThat(journaled.path("status").asText()).isEqualTo("completed");
      assertThat(journaled.path("answer").asText())
          .isEqualTo(completion.at("/choices/0/message/content").asText());
      assertThat(by.json(by.get("/v1/sessions/" + session)).path("turns")).hasSize(1);
      sessions.add(session);
    }
    assertThat(sessions).isNotEmpty();
    sessions.forEach(session -> new JournaledSession(by, session).assertSound());
  }

  @Override
  public String toString() {
    return kind + " with " + (streamed.size() + called.size()) + " turns";
  }
}
