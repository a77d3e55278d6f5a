package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class OpenApiTest {
  @Test
  void describesEachRouteAndNoOther() throws Exception {
    JsonNode document = new ObjectMapper().readTree(OperationRoutes.openApi());
    Set<String> described = new TreeSet<>();
    for (var path : document.path("paths").properties()) {
      for (var operation : path.getValue().properties()) {
        if (!operation.getKey().equals("parameters")) {
          described.add(operation.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey());
        }
      }
    }
    Set<String> served = new TreeSet<>();
    try (RunningEdge edge = RunningEdge.start(new FakeSessions())) {
      for (Router.Route route : edge.server.routes()) {
        served.add(route.method() + " " + route.template());
      }
    }
    assertThat(described).isEqualTo(served);
  }

  /** A list that is the same for each operation would let any answer pass. */
  @Test
  void claimsOnlyStatusesThatAnOperationCanGive() throws Exception {
    JsonNode document = new ObjectMapper().readTree(OperationRoutes.openApi());
    Pattern asksASession = Pattern.compile("/v1/(responses|conversations|sessions)");
    Set<String> fromMemory = Set.of("/v1/models", "/health/live", "/openapi.json");
    Set<String> withoutKey = Set.of("/v1/conversations/{conversation}", "/v1/embeddings");
    try (RunningEdge edge = RunningEdge.start(new FakeSessions())) {
      for (Router.Route route : edge.server.routes()) {
        String path = route.template();
        String method = route.method().toLowerCase(Locale.ROOT);
        Set<String> allowed = new TreeSet<>(Set.of("400", "429"));
        if (!route.open()) {
          allowed.add("401");
        }
        if (!fromMemory.contains(path)) {
          allowed.add("503");
        }
        if (!route.open() && !path.equals("/v1/models")) {
          allowed.add("404");
        }
        if (route.takesJson()) {
          allowed.addAll(Set.of("408", "413", "415"));
        }
        if (route.takesJson() && !path.equals("/v1/embeddings")) {
          allowed.add("409"); // there is a session
        }
        if (route.takesJson() && !withoutKey.contains(path)) {
          allowed.add("422"); // it takes a key
        }
        if (path.equals("/v1/chat/completions")
            || path.equals("/v1/embeddings")
            || asksASession.matcher(path).lookingAt()) {
          allowed.add("500"); // engine_failed or session_unreadable; any other is a defect
        }
        Set<String> claimed = new TreeSet<>();
        document
            .path("paths")
            .path(path)
            .path(method)
            .path("responses")
            .fieldNames()
            .forEachRemaining(claimed::add);
        assertThat(claimed).as(method + " " + path).containsAnyOf("200", "201");
        claimed.removeAll(Set.of("200", "201"));
        assertThat(claimed).as(method + " " + path).isEqualTo(allowed);
      }
    }
  }

  @Test
  void pointsOnlyAtWhatIsThere() throws Exception {
    JsonNode document = new ObjectMapper().readTree(OperationRoutes.openApi());
    for (JsonNode reference : document.findValues("$ref")) {
      assertThat(document.at(reference.asText().substring(1)).isMissingNode())
          .as(reference.asText())
          .isFalse();
    }
  }
}
