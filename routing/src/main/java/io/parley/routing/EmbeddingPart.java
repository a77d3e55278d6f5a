package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.TenantId;
import java.util.Optional;

/** A request in its dispatcher's hands. Used by the dispatcher's thread alone. */
final class EmbeddingPart {
  /** Of a text beside its characters and its vector. */
  private static final int BYTES_OF_A_TEXT = 64;

  final ModelInfo model;
  final EmbeddingRequest request;
  final ActorRef<EmbeddingReply> replyTo;

  /** What it holds in memory, with its answer. */
  final long bytes;

  /** Who has it; empty while it waits. */
  Optional<PullingEncoder> holder = Optional.empty();

  /** How often it was handed out. */
  int attempts;

  EmbeddingPart(ModelInfo model, EmbeddingRequest request, ActorRef<EmbeddingReply> replyTo) {
    this.model = model;
    this.request = request;
    this.replyTo = replyTo;
    this.bytes = bytes(request, model.dimensions());
  }

  String id() {
    return request.id();
  }

  TenantId tenant() {
    return request.tenant();
  }

  private static long bytes(EmbeddingRequest request, int dimensions) {
    long text =
        request instanceof EmbeddingRequest.Texts texts
            ? texts.texts().stream().mapToLong(String::length).sum() * Character.BYTES
            : ((EmbeddingRequest.Tokens) request)
                    .tokens().stream().mapToLong(ids -> ids.length).sum()
                * Integer.BYTES;
    return text + (long) request.size() * (BYTES_OF_A_TEXT + (long) dimensions * Float.BYTES);
  }
}
