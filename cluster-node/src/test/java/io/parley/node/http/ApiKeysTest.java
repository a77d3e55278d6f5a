package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.node.http.ApiKeys.NewKey;
import io.parley.node.http.RunningEdge.Answer;
import io.parley.routing.protocol.TenantId;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiKeysTest {
  @TempDir Path folder;

  @Test
  void knowsTheTenantOfAKey() throws Exception {
    NewKey alice = ApiKeys.create(new TenantId("alice"), "laptop of  alice");
    Path file = Files.writeString(folder.resolve("keys"), "# keys\n\n" + alice.line() + "\n");

    ApiKeys keys = ApiKeys.read(file);

    assertThat(keys.tenantOf(alice.key())).contains(new TenantId("alice"));
    assertThat(keys.tenantOf(alice.key() + "x")).isEmpty();
    assertThat(alice.line()).doesNotContain(alice.key()).endsWith(" alice laptop of alice");
  }

  @Test
  void saysWhichLineIsWrong() throws Exception {
    Path file = Files.writeString(folder.resolve("keys"), "# keys\nsecret alice\n");
    assertThatThrownBy(() -> ApiKeys.read(file)).hasMessageContaining("line 2");
  }

  @Test
  void keepsTenantsApart() throws Exception {
    NewKey alice = ApiKeys.create(new TenantId("alice"), "");
    NewKey bob = ApiKeys.create(new TenantId("bob"), "");
    Path file = Files.writeString(folder.resolve("keys"), alice.line() + "\n" + bob.line());
    try (RunningEdge edge =
        RunningEdge.start(new FakeSessions(), "parley.http.api-keys-file = \"" + file + "\"")) {
      String[] asAlice = {"Authorization", "Bearer " + alice.key()};
      String[] asBob = {"Authorization", "Bearer " + bob.key()};
      String body = "{\"model\":\"fake\",\"input\":\"x\"}";
      String id = edge.post("/v1/responses", body, asAlice).json().path("id").asText();

      Answer nobody = edge.get("/v1/responses/" + id);
      assertThat(nobody.status()).isEqualTo(401);
      assertThat(nobody.headers().firstValue("WWW-Authenticate")).contains("Bearer");
      assertThat(edge.get("/v1/models", "Authorization", "Bearer no").code())
          .isEqualTo("invalid_api_key");
      assertThat(edge.get("/v1/responses/" + id, asAlice).status()).isEqualTo(200);
      assertThat(edge.get("/v1/responses/" + id, asBob).status()).isEqualTo(404);
      assertThat(edge.get("/health/live").status()).isEqualTo(200);
    }
  }

  @Test
  void refusesToListenEverywhereWithoutKeys() {
    assertThatThrownBy(
            () -> RunningEdge.start(new FakeSessions(), "parley.http.host = \"0.0.0.0\"").close())
        .hasMessageContaining("parley.http.host");
  }
}
