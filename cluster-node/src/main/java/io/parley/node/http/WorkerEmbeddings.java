package io.parley.node.http;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import io.parley.routing.EmbeddingDispatcher;
import io.parley.routing.EmbeddingDispatcher.Cancel;
import io.parley.routing.EmbeddingDispatcher.Submit;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.TenantId;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Embeddings of the cluster's workers, which pull them from this node's dispatcher. A call is cut
 * into parts of about a batch, so that workers share it, and others are not held up by it. The
 * first part that is refused ends the call, and what is left of it is cancelled.
 */
public final class WorkerEmbeddings implements Embeddings {
  /** The dispatcher answers by the deadline, with some grace for the worker; this is for it. */
  private static final Duration GRACE = Duration.ofSeconds(2);

  /** A part has no more where it could have fewer texts. */
  private static final int TOKENS_OF_A_PART = 1024;

  private final ActorSystem<?> system;
  private final ActorRef<EmbeddingDispatcher.Command> dispatcher;
  private final HttpSettings settings;

  /**
   * @param dispatcher of this node
   */
  public WorkerEmbeddings(
      ActorSystem<?> system,
      ActorRef<EmbeddingDispatcher.Command> dispatcher,
      HttpSettings settings) {
    this.system = system;
    this.dispatcher = dispatcher;
    this.settings = settings;
  }

  @Override
  public CompletionStage<Result> embed(
      TenantId tenant, ModelInfo model, Input input, Signal closed) {
    CallInProgress call = new CallInProgress(tenant, model, input);
    Signal.Registration registration = closed.listen(call::cancel);
    return call.run().whenComplete((result, failure) -> registration.remove());
  }

  /** One call, and which of its parts are out. */
  private final class CallInProgress {
    private final String id = Ids.random();
    private final TenantId tenant;
    private final ModelInfo model;
    private final Input input;
    private final long deadlineEpochMillis;
    private final Set<String> out = ConcurrentHashMap.newKeySet();
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
      for (int from = 0; from < input.size(); ) {
        int to = end(from);
        CompletionStage<Embedded> part = part(from, to);
        part.whenComplete(
            (done, failure) -> {
              if (failure != null) {
                cancel();
                failed.completeExceptionally(failure);
              }
            });
        parts.add(part.toCompletableFuture());
        from = to;
      }
      CompletableFuture<Void> all =
          CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new));
      return CompletableFuture.anyOf(all, failed)
          .thenApply(done -> result(parts.stream().map(CompletableFuture::join).toList()));
    }

    /** Where a part ends that begins there. */
    private int end(int from) {
      int tokens = 0;
      for (int to = from; to < input.size(); to++) {
        tokens +=
            input instanceof Input.Texts texts
                ? EmbeddingRequest.Texts.estimatedTokens(texts.texts().get(to))
                : ((Input.Tokens) input).texts().get(to).length;
        boolean full = tokens > TOKENS_OF_A_PART || to - from == EmbeddingRequest.SIZE_MAX;
        if (to > from && full) {
          return to;
        }
      }
      return input.size();
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

    private CompletionStage<Embedded> part(int from, int to) {
      if (cancelled) {
        return CompletableFuture.failedFuture(lost());
      }
      EmbeddingRequest request = request(from, to);
      out.add(request.id());
      long left = Math.max(0, deadlineEpochMillis - System.currentTimeMillis());
      CompletionStage<EmbeddingReply> reply =
          AskPattern.ask(
              dispatcher,
              replyTo -> new Submit(model, request, replyTo),
              Duration.ofMillis(left).plus(GRACE),
              system.scheduler());
      if (cancelled) { // before it was asked
        dispatcher.tell(new Cancel(request.id()));
      }
      return reply
          .handle(
              (answer, failure) -> {
                out.remove(request.id());
                if (answer instanceof Embedded embedded) {
                  return CompletableFuture.completedFuture(embedded);
                }
                ApiException why =
                    answer instanceof Refused refused ? error(refused, from) : lost();
                return CompletableFuture.<Embedded>failedFuture(why);
              })
          .thenCompose(next -> next);
    }

    private EmbeddingRequest request(int from, int to) {
      String partId = id + "-" + from;
      return input instanceof Input.Texts texts
          ? new EmbeddingRequest.Texts(
              partId, tenant, texts.texts().subList(from, to), deadlineEpochMillis)
          : new EmbeddingRequest.Tokens(
              partId,
              tenant,
              ((Input.Tokens) input).texts().subList(from, to),
              deadlineEpochMillis);
    }

    void cancel() {
      cancelled = true;
      out.forEach(partId -> dispatcher.tell(new Cancel(partId)));
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
