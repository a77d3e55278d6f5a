package io.parley.node.http;

import akka.http.javadsl.model.HttpResponse;
import io.parley.node.http.openai.EmbeddingJson;
import io.parley.node.http.openai.EmbeddingRequest;
import java.util.concurrent.CompletionStage;

/**
 * {@code POST /v1/embeddings}. No session and no journal: an answer that was lost is asked again.
 */
final class EmbeddingRoutes {
  private final Embeddings embeddings;
  private final ModelRoutes models;

  EmbeddingRoutes(Embeddings embeddings, ModelRoutes models) {
    this.embeddings = embeddings;
    this.models = models;
  }

  void addTo(Router router) {
    router.post("/v1/embeddings", this::embed);
  }

  private CompletionStage<HttpResponse> embed(Call call) {
    EmbeddingRequest request = EmbeddingRequest.read(call.json(), models::embedding);
    return embeddings
        .embed(call.tenant(), request.model(), request.input(), call.connection().closed())
        .thenApply(result -> Replies.ok(EmbeddingJson.list(request, result)));
  }
}
