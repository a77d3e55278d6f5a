package io.parley.node.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Many sessions at one node, over HTTP: each is made by a turn, and is asked for again later, when
 * it has left the node's memory. Users are threads with one request at a time each.
 */
public final class SessionLoad {
  private static final String SESSION = "X-Parley-Session";
  private static final Duration TIMEOUT = Duration.ofMinutes(2);
  private static final int TRIES_MAX = 30;
  private static final int EVENTS_MAX = 1000;

  /**
   * What came of many requests.
   *
   * @param refused answers that said that there is no room now; these were asked again
   * @param errors requests that failed for good, by what was said
   */
  public record Outcome(
      int requests,
      double seconds,
      LoadReport.Percentiles latency,
      int refused,
      Map<String, Integer> errors) {}

  /** A request that is sent for a number from 0 on. */
  private interface Ask {
    HttpRequest request(int number);
  }

  private final ObjectMapper json = new ObjectMapper();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final URI node;
  private final String model;
  private final int maxTokens;

  /**
   * @param node its edge
   * @param maxTokens tokens of each answer
   */
  public SessionLoad(URI node, String model, int maxTokens) {
    this.node = node;
    this.model = model;
    this.maxTokens = maxTokens;
  }

  /**
   * Makes sessions, each with a turn whose answer is whole; fills in their ids from an index on.
   */
  public Outcome create(int users, String[] sessions, int from, int count)
      throws InterruptedException {
    return run(
        users,
        count,
        number -> turn(from + number, 1).build(),
        (number, response) ->
            sessions[from + number] = response.headers().firstValue(SESSION).orElseThrow());
  }

  /** Asks each of these sessions for a next turn. */
  public Outcome nextTurns(int users, List<String> sessions) throws InterruptedException {
    return run(
        users,
        sessions.size(),
        number -> turn(number, 2).header(SESSION, sessions.get(number)).build(),
        (number, response) -> {});
  }

  /** Reads each of these sessions. */
  public Outcome reads(int users, List<String> sessions) throws InterruptedException {
    return run(
        users,
        sessions.size(),
        number -> get("/v1/sessions/" + sessions.get(number)),
        (number, response) -> {});
  }

  /** How many events a session has in the journal. */
  public int events(String session) throws IOException, InterruptedException {
    HttpResponse<String> page =
        http.send(
            get("/v1/sessions/" + session + "/events?limit=" + EVENTS_MAX),
            HttpResponse.BodyHandlers.ofString());
    return json.readTree(page.body()).path("data").size();
  }

  private HttpRequest get(String path) {
    return HttpRequest.newBuilder(node.resolve(path)).timeout(TIMEOUT).GET().build();
  }

  private HttpRequest.Builder turn(int number, int turn) {
    ObjectNode body = json.createObjectNode();
    body.put("model", model);
    body.putArray("messages")
        .addObject()
        .put("role", "user")
        .put("content", Conversation.input(number, turn));
    body.put("max_tokens", maxTokens);
    body.put("temperature", 0);
    return HttpRequest.newBuilder(node.resolve("/v1/chat/completions"))
        .timeout(TIMEOUT)
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
  }

  private interface Answered {
    void take(int number, HttpResponse<String> response);
  }

  private Outcome run(int users, int count, Ask ask, Answered answered)
      throws InterruptedException {
    ExecutorService threads = Executors.newFixedThreadPool(users);
    AtomicInteger next = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    long began = System.nanoTime();
    try {
      List<Future<Part>> parts = new ArrayList<>();
      for (int user = 0; user < users; user++) {
        parts.add(threads.submit(() -> part(next, count, ask, answered, refused)));
      }
      List<Long> latencies = new ArrayList<>();
      Map<String, Integer> errors = new TreeMap<>();
      for (Future<Part> part : parts) {
        latencies.addAll(part.get().latencies());
        part.get().errors().forEach((what, times) -> errors.merge(what, times, Integer::sum));
      }
      return new Outcome(
          count,
          (System.nanoTime() - began) / 1e9,
          LoadReport.Percentiles.of(latencies),
          refused.get(),
          errors);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a user's thread failed", e.getCause());
    } finally {
      threads.shutdownNow();
    }
  }

  private record Part(List<Long> latencies, Map<String, Integer> errors) {}

  private Part part(
      AtomicInteger next, int count, Ask ask, Answered answered, AtomicInteger refused)
      throws InterruptedException {
    Part part = new Part(new ArrayList<>(), new TreeMap<>());
    for (int number = next.getAndIncrement(); number < count; number = next.getAndIncrement()) {
      HttpRequest request = ask.request(number);
      for (int attempt = 1; ; attempt++) {
        long began = System.nanoTime();
        try {
          HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
          if (response.statusCode() == 200) {
            part.latencies().add(System.nanoTime() - began);
            answered.take(number, response);
            break;
          }
          boolean later = response.statusCode() == 429 || response.statusCode() == 503;
          if (!later || attempt == TRIES_MAX) {
            part.errors().merge("HTTP " + response.statusCode(), 1, Integer::sum);
            break;
          }
          refused.incrementAndGet();
          Thread.sleep(Duration.ofSeconds(1).toMillis()); // at least what Retry-After says
        } catch (IOException e) {
          part.errors().merge(e.getClass().getSimpleName(), 1, Integer::sum);
          break;
        }
      }
    }
    return part;
  }
}
