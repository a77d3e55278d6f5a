package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.ModelInfo;
import java.util.concurrent.CompletableFuture;

/** {@code /v1/models}, and how the other routes find a model. */
final class ModelRoutes {
  private final ModelCatalog catalog;
  private final HttpSettings settings;

  ModelRoutes(ModelCatalog catalog, HttpSettings settings) {
    this.catalog = catalog;
    this.settings = settings;
  }

  void addTo(Router router) {
    router.get(
        "/v1/models",
        call -> {
          ObjectNode list = Json.object().put("object", "list");
          ArrayNode data = list.putArray("data");
          catalog.models().forEach(model -> data.add(json(model)));
          return CompletableFuture.completedFuture(Replies.ok(list));
        });
    router.get(
        "/v1/models/{model}",
        call -> CompletableFuture.completedFuture(Replies.ok(json(require(call.path().get(0))))));
  }

  /** The model, or 404; 503 until this node has heard of a worker. */
  ModelInfo require(String name) {
    return catalog
        .find(name)
        .orElseThrow(
            () ->
                catalog.hasHeard()
                    ? ApiException.of(404, "model_not_found", "No worker serves this model.")
                        .withParam("model")
                    : ApiException.of(503, "no_worker", "No worker serves a model yet.")
                        .withRetryAfter(settings.retryAfter().toMillis()));
  }

  /** A model that answers messages. */
  ModelInfo answering(String name) {
    ModelInfo model = require(name);
    if (model.embeds()) {
      throw ApiException.badField(
          "model", "wrong_model_kind", "This model makes embeddings; it answers no messages.");
    }
    return model;
  }

  /** A model that makes embeddings. */
  ModelInfo embedding(String name) {
    ModelInfo model = require(name);
    if (!model.embeds()) {
      throw ApiException.badField(
          "model", "wrong_model_kind", "This model answers messages; it makes no embeddings.");
    }
    return model;
  }

  private static ObjectNode json(ModelInfo model) {
    ObjectNode node = Json.object();
    node.put("id", model.id().toString()).put("object", "model");
    node.put("created", model.createdEpochSeconds()).put("owned_by", model.ownedBy());
    node.put("name", model.id().name()).put("version", model.id().version());
    node.put("context_length", model.contextLength()).put("licence", model.licence());
    node.put("kind", model.embeds() ? "embedding" : "chat");
    return model.embeds() ? node.put("dimensions", model.dimensions()) : node;
  }
}
