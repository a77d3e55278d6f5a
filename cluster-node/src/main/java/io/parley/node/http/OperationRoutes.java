package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Health and the OpenAPI document; served without a key. */
final class OperationRoutes {
  private final Readiness readiness;
  private final byte[] openApi;

  OperationRoutes(Readiness readiness) {
    this.readiness = readiness;
    this.openApi = openApi();
  }

  static byte[] openApi() {
    try (InputStream in = OperationRoutes.class.getResourceAsStream("openapi.json")) {
      if (in == null) {
        throw new IllegalStateException("openapi.json is not on the class path");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void addTo(Router router) {
    router.open(
        "/health/live",
        call -> CompletableFuture.completedFuture(Replies.ok(Json.object().put("status", "ok"))));
    router.open(
        "/health/ready",
        call ->
            readiness
                .check()
                .thenApply(
                    checks -> {
                      boolean ready =
                          checks.stream().allMatch(check -> check.ok() || !check.required());
                      return Replies.json(ready ? 200 : 503, json(ready, checks));
                    }));
    router.open(
        "/openapi.json", call -> CompletableFuture.completedFuture(Replies.json(200, openApi)));
  }

  private static ObjectNode json(boolean ready, List<Readiness.Check> checks) {
    ObjectNode node = Json.object().put("status", ready ? "ok" : "unavailable");
    ObjectNode parts = node.putObject("checks");
    for (Readiness.Check check : checks) {
      parts
          .putObject(check.name())
          .put("ok", check.ok())
          .put("required", check.required())
          .put("detail", check.detail());
    }
    return node;
  }
}
