package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.chaos.NodeProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A node's HTTP API as a program without any library for it would use it. Of several nodes it talks
 * to one until that does not answer, and then to the next.
 */
final class ApiClient {
  static final String MODEL = "smollm2-135m-instruct";
  static final String ENCODER = "all-minilm-l6-v2";

  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final Duration TIMEOUT = Duration.ofMinutes(5);

  private final List<NodeProcess> nodes;
  private final AtomicInteger failures = new AtomicInteger();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  ApiClient(NodeProcess... nodes) {
    this.nodes = List.of(nodes);
  }

  /** The node that is talked to now. */
  private NodeProcess node() {
    return nodes.get(failures.get() % nodes.size());
  }

  /** Talks to the first node again. */
  void goHome() {
    failures.set(0);
  }

  /** Talks to the next node. */
  void goElsewhere() {
    failures.incrementAndGet();
  }

  /** An answer that was read whole. */
  record Reply(int status, String body) {
    JsonNode json() {
      return parse(body);
    }
  }

  static JsonNode parse(String json) {
    try {
      return MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  HttpRequest get(String path, String... headers) {
    return request(path, headers).GET().build();
  }

  HttpRequest post(String path, String body, String... headers) {
    return request(path, headers)
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
  }

  private HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(node().url(path)));
    request.timeout(TIMEOUT);
    return headers.length == 0 ? request : request.headers(headers);
  }

  CompletableFuture<Reply> send(HttpRequest request) {
    return http.sendAsync(request, BodyHandlers.ofString())
        .thenApply(response -> new Reply(response.statusCode(), response.body()));
  }

  /** The JSON of an answer that must be a success. */
  JsonNode json(HttpRequest request) {
    Reply reply = send(request).join();
    assertThat(reply.status()).as(reply.body()).isBetween(200, 299);
    return reply.json();
  }

  /** A new session's id. */
  String newSession() {
    return json(post("/v1/sessions", "{}")).path("id").asText();
  }

  /**
   * Opens a stream.
   *
   * @throws IOException nobody listens, the connection was lost, or the server asks to come again
   */
  EventStream open(HttpRequest request) throws IOException {
    try {
      return opened(request);
    } catch (IOException e) {
      failures.incrementAndGet();
      throw e;
    }
  }

  private EventStream opened(HttpRequest request) throws IOException {
    try {
      HttpResponse<InputStream> response = http.send(request, BodyHandlers.ofInputStream());
      if (response.statusCode() == 200) {
        return new EventStream(response.body());
      }
      try (InputStream body = response.body()) {
        String text = new String(body.readAllBytes(), StandardCharsets.UTF_8);
        if (response.statusCode() == 503) {
          throw new IOException("unavailable: " + text);
        }
        throw new AssertionError("status " + response.statusCode() + ": " + text);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
