package io.parley.node.http;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.WorkerMessage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;

/**
 * Embeddings of the cluster's workers. A call is cut into parts that fit a message between nodes;
 * each goes to one of the model's workers, and to the next one when that has no room. The first
 * part that nobody takes ends the call, and what is left of it is cancelled.
 */
public final class WorkerEmbeddings implements Embeddings {
  /** A worker answers by the deadline; this is for the way. */
  private static final Duration GRACE = Duration.ofSeconds(2);

  private final ActorSystem<?> system;
  private final HttpSettings settings;

  public WorkerEmbeddings(ActorSystem<?> system, HttpSettings settings) {
    this.system = system;
    this.settings = settings;
  }

  @Override
  public CompletionStage<Result> embed(
      TenantId tenant, ModelInfo model, Input input, Signal closed) {
    CallInProgress call = new CallInProgress(tenant, model, input);
    Signal.Registration registration = closed.listen(call::cancel);
    return call.run().whenComplete((result, failure) -> registration.remove());
  }

  /** One call, and where its parts are. */
  private final class CallInProgress {
    private final String id = Ids.random();
    private final TenantId tenant;
    private final ModelInfo model;
    private final Input input;
    private final long deadlineEpochMillis;
    private final Map<String, ActorRef<WorkerMessage>> asked = new ConcurrentHashMap<>();
    private volatile boolean cancelled;

    CallInProgress(TenantId tenant, ModelInfo model, Input input) {
      this.tenant = tenant;
      this.model = model;
      this.input = input;
      this.deadlineEpochMillis =
          System.currentTimeMillis() + settings.embeddingTimeout().toMillis();
    }

    CompletionStage<Result> run() {
      List<CompletableFuture<Embedded>> parts = new ArrayList<>();
      CompletableFuture<Void> failed = new CompletableFuture<>();
      for (int from = 0; from < input.size(); from += EmbeddingRequest.SIZE_MAX) {
        CompletionStage<Embedded> part = part(from);
        part.whenComplete(
            (done, failure) -> {
              if (failure != null) {
                cancel();
                failed.completeExceptionally(failure);
              }
            });
        parts.add(part.toCompletableFuture());
      }
      CompletableFuture<Void> all =
          CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new));
      return CompletableFuture.anyOf(all, failed)
          .thenApply(done -> result(parts.stream().map(CompletableFuture::join).toList()));
    }

    private Result result(List<Embedded> parts) {
      List<float[]> vectors = new ArrayList<>(input.size());
      int tokens = 0;
      for (Embedded part : parts) {
        FloatBuffer numbers =
            ByteBuffer.wrap(part.vectors()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        while (numbers.hasRemaining()) {
          float[] vector = new float[model.dimensions()];
          numbers.get(vector);
          vectors.add(vector);
        }
        tokens += part.tokens();
      }
      return new Result(vectors, tokens);
    }

    private CompletionStage<Embedded> part(int from) {
      List<ActorRef<WorkerMessage>> workers =
          new ArrayList<>(WorkerDirectory.get(system).workers(model.id()));
      Collections.shuffle(workers);
      return part(from, workers, lost());
    }

    /** Asks the first of the workers, and the next one when it has no room. */
    private CompletionStage<Embedded> part(
        int from, List<ActorRef<WorkerMessage>> workers, ApiException otherwise) {
      if (workers.isEmpty() || cancelled) {
        return CompletableFuture.failedFuture(otherwise);
      }
      String partId = id + "-" + from + "-" + workers.size();
      ActorRef<WorkerMessage> worker = workers.get(0);
      asked.put(partId, worker);
      long left = Math.max(0, deadlineEpochMillis - System.currentTimeMillis());
      CompletionStage<EmbeddingReply> reply =
          AskPattern.ask(
              worker,
              replyTo -> request(partId, from, replyTo),
              Duration.ofMillis(left).plus(GRACE),
              system.scheduler());
      if (cancelled) { // before it was asked
        worker.tell(new EmbeddingRequest.Cancel(partId));
      }
      return reply
          .handle(
              (answer, failure) -> {
                asked.remove(partId);
                if (answer instanceof Embedded embedded) {
                  return CompletableFuture.completedFuture(embedded);
                }
                List<ActorRef<WorkerMessage>> others = workers.subList(1, workers.size());
                if (answer instanceof Refused refused) {
                  return switch (refused.reason()) {
                    case FULL, ENGINE_FAILED, STOPPING -> part(from, others, error(refused, from));
                    case TOO_LONG, BAD_TOKENS, LATE ->
                        CompletableFuture.<Embedded>failedFuture(error(refused, from));
                  };
                }
                return Errors.unwrap(failure) instanceof TimeoutException
                    ? part(from, others, lost())
                    : CompletableFuture.<Embedded>failedFuture(failure);
              })
          .thenCompose(next -> next);
    }

    private EmbeddingRequest request(String partId, int from, ActorRef<EmbeddingReply> replyTo) {
      int to = Math.min(input.size(), from + EmbeddingRequest.SIZE_MAX);
      return input instanceof Input.Texts texts
          ? new EmbeddingRequest.Texts(
              partId, tenant, texts.texts().subList(from, to), deadlineEpochMillis, replyTo)
          : new EmbeddingRequest.Tokens(
              partId,
              tenant,
              ((Input.Tokens) input).texts().subList(from, to),
              deadlineEpochMillis,
              replyTo);
    }

    void cancel() {
      cancelled = true;
      asked.forEach((partId, worker) -> worker.tell(new EmbeddingRequest.Cancel(partId)));
    }

    private ApiException lost() {
      return Errors.embeddingWorkerLost(settings.retryAfter().toMillis());
    }

    private ApiException error(Refused refused, int from) {
      String field = refused.index() < 0 ? "input" : "input[" + (from + refused.index()) + "]";
      return Errors.of(refused, field, settings.retryAfter().toMillis());
    }
  }
}
