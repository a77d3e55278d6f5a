package io.parley.node.chaos;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.chaos.ObservedTurn.HttpAnswer;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The nodes with an HTTP edge, as a program without any library for it talks to them. */
final class Edges {
  /** A node that says nothing for so long is left; edges send a comment every two seconds. */
  static final Duration SILENCE = Duration.ofSeconds(8);

  private static final ObjectMapper JSON = new ObjectMapper();

  private final List<NodeProcess> nodes;
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(3))
          .build();

  Edges(List<NodeProcess> nodes) {
    this.nodes = List.copyOf(nodes);
  }

  List<NodeProcess> nodes() {
    return nodes;
  }

  int number(NodeProcess node) {
    return nodes.indexOf(node);
  }

  /** The one to try next. */
  NodeProcess behind(NodeProcess node) {
    return nodes.get((nodes.indexOf(node) + 1) % nodes.size());
  }

  HttpRequest get(NodeProcess node, Tenant tenant, String path, String... headers) {
    return request(node, tenant, path, headers).GET().build();
  }

  HttpRequest post(NodeProcess node, Tenant tenant, String path, String body, String... headers) {
    return request(node, tenant, path, headers)
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
  }

  private static HttpRequest.Builder request(
      NodeProcess node, Tenant tenant, String path, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(node.url(path)))
            .header("Authorization", "Bearer " + tenant.apiKey())
            .timeout(SILENCE.multipliedBy(2));
    return headers.length == 0 ? request : request.headers(headers);
  }

  /** The same request, of somebody who waits for a whole answer. */
  static HttpRequest patient(HttpRequest request) {
    return HttpRequest.newBuilder(request, (name, value) -> true)
        .timeout(Duration.ofMinutes(2))
        .build();
  }

  /** Opens a stream; cancelling the future closes the connection. */
  CompletableFuture<HttpResponse<InputStream>> open(HttpRequest request) {
    return http.sendAsync(request, BodyHandlers.ofInputStream());
  }

  /** An answer that is read whole. */
  HttpResponse<String> sendNow(HttpRequest request) throws IOException, InterruptedException {
    return http.send(request, BodyHandlers.ofString());
  }

  /** What an answer that is no success says. */
  HttpAnswer answer(NodeProcess node, HttpResponse<?> response, String body) {
    return new HttpAnswer(
        System.currentTimeMillis(),
        number(node),
        response.statusCode(),
        code(body),
        response.headers().firstValue("Retry-After").isPresent());
  }

  static String body(HttpResponse<InputStream> response) throws IOException {
    try (InputStream in = response.body()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** How long an answer asks to wait, at most three seconds. */
  static long retryAfterMillis(HttpResponse<?> response) {
    long seconds = response.headers().firstValueAsLong("Retry-After").orElse(1);
    return Math.min(3, Math.max(1, seconds)) * 1000;
  }

  private static String code(String body) {
    try {
      return JSON.readTree(body).at("/error/code").asText("");
    } catch (JsonProcessingException e) {
      return "";
    }
  }

  static JsonNode parse(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("not JSON: " + json, e);
    }
  }

  static String quote(String text) {
    try {
      return JSON.writeValueAsString(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
