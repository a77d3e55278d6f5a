package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.chaos.NodeProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * One node with the keys of two tenants, for all the test classes that only talk to a node. It
 * stops with the last of them.
 */
final class ClientNode implements BeforeAllCallback, ParameterResolver {
  private static final Namespace NAMESPACE = Namespace.create(ClientNode.class);

  /**
   * The node and its keys.
   *
   * @param key of the tenant {@code alice}
   * @param otherKey of the tenant {@code bob}
   */
  record Running(NodeProcess node, String key, String otherKey, Path folder)
      implements ExtensionContext.Store.CloseableResource {
    private static Running start() {
      try {
        Path folder = Files.createTempDirectory("parley-clients");
        Path keys = folder.resolve("keys");
        String key = newKey(keys, "alice");
        String otherKey = newKey(keys, "bob");
        NodeProcess node =
            NodeProcess.started(
                folder.resolve("data"),
                "--api-keys",
                keys.toString(),
                "--model",
                ApiClient.MODEL,
                "--model",
                ApiClient.ENCODER);
        return new Running(node, key, otherKey, folder);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static String newKey(Path keys, String tenant) {
      return Commands.parley(
              Duration.ofSeconds(60), "keys", "new", tenant, "--file", keys.toString())
          .success()
          .strip();
    }

    /** A new, empty session of {@code alice}. */
    String newSession() throws IOException, InterruptedException {
      return send(request("/v1/sessions").POST(HttpRequest.BodyPublishers.noBody()))
          .get("id")
          .textValue();
    }

    /** What {@code alice} reads there. */
    JsonNode get(String path) throws IOException, InterruptedException {
      return send(request(path));
    }

    private HttpRequest.Builder request(String path) {
      return HttpRequest.newBuilder(URI.create(node.url(path)))
          .header("Authorization", "Bearer " + key)
          .timeout(Duration.ofSeconds(60));
    }

    private static JsonNode send(HttpRequest.Builder request)
        throws IOException, InterruptedException {
      HttpResponse<String> response =
          HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
      assertThat(response.statusCode()).as(response.body()).isBetween(200, 299);
      return new ObjectMapper().readTree(response.body());
    }

    @Override
    public void close() throws IOException {
      node.stop();
      node.close();
      try (var paths = Files.walk(folder)) {
        for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    running(context);
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == Running.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return running(context);
  }

  private static Running running(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(NAMESPACE)
        .getOrComputeIfAbsent("node", name -> Running.start(), Running.class);
  }
}
