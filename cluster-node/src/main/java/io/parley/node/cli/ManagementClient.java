package io.parley.node.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.StartupException;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Asks a node's management listener. */
final class ManagementClient {
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  private final ObjectMapper json = new ObjectMapper();
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(5))
          .build();
  private final URI base;
  private final Optional<String> apiKey;

  ManagementClient(URI base, Optional<String> apiKey) {
    this.base = base;
    this.apiKey = apiKey;
  }

  /** All models of the node. */
  JsonNode models() throws InterruptedException {
    return success(send("GET", "/models", Optional.empty())).path("data");
  }

  /** A model by name or number; empty when it is gone. */
  Optional<JsonNode> model(String name) throws InterruptedException {
    HttpResponse<String> response = send("GET", path(name), Optional.empty());
    return response.statusCode() == 404 ? Optional.empty() : Optional.of(success(response));
  }

  JsonNode load(JsonNode order) throws InterruptedException {
    return success(send("POST", "/models", Optional.of(order.toString())));
  }

  JsonNode unload(String name, Optional<Integer> drainSeconds) throws InterruptedException {
    String query = drainSeconds.map(seconds -> "?drain_seconds=" + seconds).orElse("");
    return success(send("DELETE", path(name) + query, Optional.empty()));
  }

  /** A list about the cluster. */
  JsonNode cluster(String what) throws InterruptedException {
    return success(send("GET", "/cluster" + what, Optional.empty()));
  }

  /** Does something to a node of the cluster. */
  void cluster(String action, String node) throws InterruptedException {
    JsonNode unused =
        success(send("POST", "/cluster/" + encoded(node) + "/" + action, Optional.empty()));
  }

  /** Checks the chain of a session's journal. */
  JsonNode verify(String tenant, String session) throws InterruptedException {
    String path =
        "/audit/tenants/%s/sessions/%s/verify".formatted(encoded(tenant), encoded(session));
    return success(send("GET", path, Optional.empty()));
  }

  /** Checks the chains of all journals; the lines come as they are made, and are to be closed. */
  Stream<String> verifyAll(boolean each) throws InterruptedException {
    HttpResponse<Stream<String>> response =
        send(
            request("GET", "/audit/verify?each=" + each, Optional.empty()), BodyHandlers.ofLines());
    if (response.statusCode() == 200) {
      return response.body();
    }
    try (Stream<String> lines = response.body()) {
      throw refusal(response.statusCode(), lines.collect(Collectors.joining("\n")));
    }
  }

  private static String path(String name) {
    return "/models/" + encoded(name);
  }

  private static String encoded(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private HttpResponse<String> send(String method, String path, Optional<String> body)
      throws InterruptedException {
    return send(request(method, path, body), BodyHandlers.ofString());
  }

  private HttpRequest request(String method, String path, Optional<String> body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(base.toString().replaceFirst("/+$", "") + path))
            .timeout(TIMEOUT)
            .header("Content-Type", "application/json")
            .method(
                method,
                body.map(HttpRequest.BodyPublishers::ofString)
                    .orElseGet(HttpRequest.BodyPublishers::noBody));
    apiKey.ifPresent(key -> request.header("Authorization", "Bearer " + key));
    return request.build();
  }

  private <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> body)
      throws InterruptedException {
    try {
      return http.send(request, body);
    } catch (IOException e) {
      throw new StartupException("no node answers at " + base + "; is it running?", e);
    }
  }

  /** The answer; a refusal becomes the one line that it says. */
  private JsonNode success(HttpResponse<String> response) {
    if (response.statusCode() / 100 != 2) {
      throw refusal(response.statusCode(), response.body());
    }
    return parsed(response.body());
  }

  private JsonNode parsed(String body) {
    try {
      return json.readTree(body);
    } catch (JsonProcessingException e) {
      throw new StartupException(base + " is not a node's management listener", e);
    }
  }

  private StartupException refusal(int status, String body) {
    String message = parsed(body).path("error").path("message").asText("");
    return new StartupException(message.isEmpty() ? "the node answers " + status : message);
  }
}
