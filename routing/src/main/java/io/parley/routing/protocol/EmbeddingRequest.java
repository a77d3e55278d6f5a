package io.parley.routing.protocol;

import akka.actor.typed.ActorRef;
import java.util.List;

/**
 * Texts whose embeddings are wanted of an encoder's worker. It answers each request once, unless it
 * was cancelled or the worker died. Nothing of it is stored: who hears nothing asks again.
 */
public sealed interface EmbeddingRequest extends WorkerMessage {
  /** The most texts of one request, so that its answer fits a message between nodes. */
  int SIZE_MAX = 256;

  /** Names the request to its worker; unique. */
  String id();

  TenantId tenant();

  /** Past it the answer is of no use; what has not begun is refused. */
  long deadlineEpochMillis();

  ActorRef<EmbeddingReply> replyTo();

  /** How many texts. */
  int size();

  /** Texts that the worker tokenizes. */
  record Texts(
      String id,
      TenantId tenant,
      List<String> texts,
      long deadlineEpochMillis,
      ActorRef<EmbeddingReply> replyTo)
      implements EmbeddingRequest {
    public Texts {
      texts = List.copyOf(texts);
    }

    @Override
    public int size() {
      return texts.size();
    }
  }

  /** Texts as ids of the model's tokens, taken as they are. */
  record Tokens(
      String id,
      TenantId tenant,
      List<int[]> tokens,
      long deadlineEpochMillis,
      ActorRef<EmbeddingReply> replyTo)
      implements EmbeddingRequest {
    public Tokens {
      tokens = List.copyOf(tokens);
    }

    @Override
    public int size() {
      return tokens.size();
    }
  }

  /** Nobody waits for the request's answer any more. */
  record Cancel(String id) implements WorkerMessage {}
}
