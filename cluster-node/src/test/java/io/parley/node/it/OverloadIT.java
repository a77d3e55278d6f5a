package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One slow worker and ten times the load that it carries, from the socket to the journal: what is
 * admitted is answered whole, the rest is told when to come again, and the queue keeps its bound.
 */
class OverloadIT {
  private static final int CAPACITY = 20;
  private static final int PREFETCH = 1;
  private static final int SLOTS = 2;
  private static final int TOKENS = 10;
  private static final int TOKENS_PER_SECOND = 40; // of each slot: eight answers a second
  private static final int REQUESTS = 400;
  private static final int PER_SECOND = 80;
  private static final Pattern HEAP = Pattern.compile("heap +total \\d+K, used (\\d+)K");

  @TempDir private Path data;

  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private record Reply(int status, String retryAfter, JsonNode json, double seconds) {}

  @Test
  void tenTimesTooMuchLoadIsRefusedInTimeAndTheRestIsAnsweredWhole() throws Exception {
    try (NodeProcess node =
        NodeProcess.started(
            data,
            "--model",
            "simulated#answer-tokens=0&slots=" + SLOTS + "&decode=" + TOKENS_PER_SECOND,
            "-D",
            "parley.routing.queue-capacity=" + CAPACITY,
            "-D",
            "parley.routing.prefetch=" + PREFETCH,
            "-D",
            "parley.session.queue-timeout=10s")) {
      for (int i = 0; i < 4; i++) {
        assertThat(ask(node).join().status()).isEqualTo(200);
      }
      double before = heapMib(node);

      List<CompletableFuture<Reply>> asked = new ArrayList<>();
      List<JsonNode> queues = new ArrayList<>();
      double under = 0;
      long begun = System.nanoTime();
      ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
      try {
        var sampling =
            timer.scheduleWithFixedDelay(
                () -> queues.add(queue(node)), 0, 100, TimeUnit.MILLISECONDS);
        for (int i = 0; i < REQUESTS; i++) {
          long due = begun + TimeUnit.SECONDS.toNanos(i) / PER_SECOND;
          TimeUnit.NANOSECONDS.sleep(Math.max(0, due - System.nanoTime()));
          asked.add(ask(node));
          if (i == REQUESTS / 2) {
            under = heapMib(node);
          }
        }
        CompletableFuture.allOf(asked.toArray(CompletableFuture<?>[]::new)).join();
        sampling.cancel(false);
      } finally {
        timer.shutdown();
        assertThat(timer.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
      }
      double after = heapMib(node);

      List<Reply> replies = asked.stream().map(CompletableFuture::join).toList();
      List<Reply> answered = replies.stream().filter(reply -> reply.status() == 200).toList();
      List<Reply> refused = replies.stream().filter(reply -> reply.status() == 429).toList();
      assertThat(answered.size() + refused.size()).as("nothing is lost").isEqualTo(REQUESTS);
      assertThat(answered)
          .hasSizeGreaterThan(CAPACITY + SLOTS)
          .allMatch(reply -> reply.json().at("/usage/completion_tokens").asInt() == TOKENS);
      assertThat(refused)
          .hasSizeGreaterThan(REQUESTS / 2)
          .allMatch(reply -> Integer.parseInt(reply.retryAfter()) >= 1);
      int waiting = most(queues, "waiting");
      assertThat(waiting).isPositive().isLessThanOrEqualTo(CAPACITY);
      assertThat(most(queues, "under_way")).isLessThanOrEqualTo(1 + PREFETCH);

      List<Double> seconds = answered.stream().map(Reply::seconds).sorted().toList();
      System.out.printf(
          Locale.ROOT,
          "OverloadIT: %d requests in %.0f s: %d answered, %d refused; the queue held up to %d of"
              + " %d; latency of those answered p50 %.2f s, p99 %.2f s, most %.2f s; heap after a"
              + " collection: %.0f MiB before, %.0f MiB under load, %.0f MiB behind it%n",
          REQUESTS,
          (double) REQUESTS / PER_SECOND,
          answered.size(),
          refused.size(),
          waiting,
          CAPACITY,
          seconds.get(seconds.size() / 2),
          seconds.get(seconds.size() * 99 / 100),
          seconds.get(seconds.size() - 1),
          before,
          under,
          after);
      node.stop();
    }
  }

  private CompletableFuture<Reply> ask(NodeProcess node) {
    String body =
        "{\"model\": \"simulated\", \"max_tokens\": "
            + TOKENS
            + ", \"messages\": [{\"role\": \"user\", \"content\": \"Tell me a story.\"}]}";
    long begun = System.nanoTime();
    return http.sendAsync(
            HttpRequest.newBuilder(URI.create(node.url("/v1/chat/completions")))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build(),
            BodyHandlers.ofString())
        .thenApply(
            response ->
                new Reply(
                    response.statusCode(),
                    response.headers().firstValue("Retry-After").orElse("0"),
                    ApiClient.parse(response.body()),
                    (System.nanoTime() - begun) / 1e9));
  }

  private JsonNode queue(NodeProcess node) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(node.managementUrl("/cluster/queues"))).build();
    HttpResponse<String> response = http.sendAsync(request, BodyHandlers.ofString()).join();
    return ApiClient.parse(response.body()).at("/data/0");
  }

  private static int most(List<JsonNode> queues, String field) {
    return queues.stream().mapToInt(queue -> queue.path(field).asInt()).max().orElse(0);
  }

  /** What lives in the node's heap. */
  private static double heapMib(NodeProcess node) {
    jcmd(node, "GC.run");
    Matcher used = HEAP.matcher(jcmd(node, "GC.heap_info"));
    assertThat(used.find()).isTrue();
    return Double.parseDouble(used.group(1)) / 1024;
  }

  private static String jcmd(NodeProcess node, String command) {
    return Commands.run(
            Duration.ofMinutes(1),
            Map.of(),
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(node.pid()),
                command))
        .success();
  }
}
