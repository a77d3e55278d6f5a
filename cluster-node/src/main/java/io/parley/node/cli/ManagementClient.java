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
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;

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

  private static String path(String name) {
    return "/models/" + encoded(name);
  }

  private static String encoded(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private HttpResponse<String> send(String method, String path, Optional<String> body)
      throws InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(base.toString().replaceFirst("/+$", "") + path))
            .timeout(TIMEOUT)
            .header("Content-Type", "application/json")
            .method(
                method,
                body.map(HttpRequest.BodyPublishers::ofString)
                    .orElseGet(HttpRequest.BodyPublishers::noBody));
    apiKey.ifPresent(key -> request.header("Authorization", "Bearer " + key));
    try {
      return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new StartupException("no node answers at " + base + "; is it running?", e);
    }
  }

  /** The answer; a refusal becomes the one line that it says. */
  private JsonNode success(HttpResponse<String> response) {
    JsonNode body;
    try {
      body = json.readTree(response.body());
    } catch (JsonProcessingException e) {
      throw new StartupException(base + " is not a node's management listener", e);
    }
    if (response.statusCode() / 100 == 2) {
      return body;
    }
    String message = body.path("error").path("message").asText("");
    throw new StartupException(
        message.isEmpty() ? "the node answers " + response.statusCode() : message);
  }
}
