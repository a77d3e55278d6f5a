package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
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
