package io.parley.workers.embedding;

import akka.Done;
import akka.actor.Cancellable;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.PostStop;
import akka.actor.typed.PreRestart;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.receptionist.Receptionist;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.workers.embedding.EmbeddingQueue.Held;
import io.parley.workers.embedding.EmbeddingQueue.Slot;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The actor that owns one encoder: loading, then serving. It registers with the {@code
 * WorkerDirectory} when the encoder is loaded, admits requests while its queue has room, has them
 * tokenized, and runs one batch of texts at a time, of whatever requests wait. When the engine
 * fails, what it holds is refused, and the encoder is loaded again after a while.
 */
public final class EmbeddingWorker extends AbstractBehavior<WorkerMessage> {
  /** What it says to itself. */
  private sealed interface Internal extends WorkerMessage {}

  private record Loaded(Optional<EncoderReplica> replica, Optional<Throwable> failure)
      implements Internal {}

  private record Tokenized(Held held, List<int[]> tokens, Optional<Throwable> failure)
      implements Internal {}

  private record Computed(
      Batch batch, List<float[]> vectors, long nanos, Optional<Throwable> failure)
      implements Internal {}

  /** Texts that are computed together. */
  private static final class Batch {
    private static final Batch NONE = new Batch(List.of());

    private final List<Slot> slots;

    private Batch(List<Slot> slots) {
      this.slots = slots;
    }
  }

  private record Leave() implements Internal {}

  private static final double WEIGHT_OF_NEWEST = 0.2;

  private final ModelInfo model;
  private final EmbeddingSettings settings;
  private final InstantSource clock;
  private final EmbeddingQueue queue;
  private final CompletableFuture<Done> stopped = new CompletableFuture<>();
  private final Cancellable leavesWithTheNode;
  private Optional<RunningEncoder> encoder = Optional.empty();

  private Batch running = Batch.NONE;

  /** Read by the thread that loads: an encoder that comes too late is closed at once. */
  private final AtomicBoolean ended = new AtomicBoolean();

  private double tokensPerNano;

  /** A worker with the settings of {@code parley.embeddings}. */
  public static Behavior<WorkerMessage> create(ModelInfo model, EncoderReplica.Factory factory) {
    return Behaviors.setup(
        context ->
            create(
                model,
                factory,
                EmbeddingSettings.from(context.getSystem().settings().config()),
                InstantSource.system()));
  }

  static Behavior<WorkerMessage> create(
      ModelInfo model,
      EncoderReplica.Factory factory,
      EmbeddingSettings settings,
      InstantSource clock) {
    Behavior<WorkerMessage> worker =
        Behaviors.setup(context -> new EmbeddingWorker(context, model, factory, settings, clock));
    return Behaviors.supervise(worker)
        .onFailure(
            RuntimeException.class,
            SupervisorStrategy.restartWithBackoff(
                settings.restartMin(), settings.restartMax(), 0.1));
  }

  private EmbeddingWorker(
      ActorContext<WorkerMessage> context,
      ModelInfo model,
      EncoderReplica.Factory factory,
      EmbeddingSettings settings,
      InstantSource clock) {
    super(context);
    this.model = model;
    this.settings = settings;
    this.clock = clock;
    this.queue = new EmbeddingQueue(settings.queueBytes(), model.dimensions());
    var self = context.getSelf();
    leavesWithTheNode =
        CoordinatedShutdown.get(Adapter.toClassic(context.getSystem()))
            .addCancellableTask(
                CoordinatedShutdown.PhaseServiceStop(),
                "leave-" + self.path().name() + "-" + self.path().uid(),
                () -> {
                  self.tell(new Leave());
                  return stopped;
                });
    Executor blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> open(factory, ended), blocking),
        (opened, failure) -> new Loaded(Optional.ofNullable(opened), Optional.ofNullable(failure)));
  }

  private static EncoderReplica open(EncoderReplica.Factory factory, AtomicBoolean ended) {
    try {
      EncoderReplica opened = factory.open();
      if (ended.get()) {
        opened.close();
      }
      return opened;
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public Receive<WorkerMessage> createReceive() {
    return newReceiveBuilder()
        .onMessage(EmbeddingRequest.Texts.class, this::onTexts)
        .onMessage(EmbeddingRequest.Tokens.class, this::onTokens)
        .onMessage(EmbeddingRequest.Cancel.class, this::onCancel)
        .onMessage(WorkerDirectory.Describe.class, this::onDescribe)
        .onMessage(Loaded.class, this::onLoaded)
        .onMessage(Tokenized.class, this::onTokenized)
        .onMessage(Computed.class, this::onComputed)
        .onMessage(Leave.class, leave -> Behaviors.stopped())
        .onSignal(PreRestart.class, signal -> end(Reason.ENGINE_FAILED))
        .onSignal(PostStop.class, signal -> end(Reason.STOPPING))
        .build();
  }

  private Behavior<WorkerMessage> onLoaded(Loaded message) {
    encoder = message.replica().map(RunningEncoder::new);
    message.failure().ifPresent(failure -> fail("The encoder cannot be loaded", failure));
    getContext()
        .getSystem()
        .receptionist()
        .tell(Receptionist.register(WorkerDirectory.SERVICE_KEY, getContext().getSelf()));
    return this;
  }

  private Behavior<WorkerMessage> onDescribe(WorkerDirectory.Describe message) {
    message.replyTo().tell(new WorkerDirectory.Description(getContext().getSelf(), model));
    return this;
  }

  private Behavior<WorkerMessage> onTexts(EmbeddingRequest.Texts request) {
    admit(request)
        .ifPresent(
            held ->
                getContext()
                    .pipeToSelf(
                        encoder.orElseThrow().tokenize(request.texts()),
                        (tokens, failure) ->
                            new Tokenized(
                                held,
                                tokens == null ? List.of() : tokens,
                                Optional.ofNullable(failure))));
    return this;
  }

  private Behavior<WorkerMessage> onTokens(EmbeddingRequest.Tokens request) {
    admit(request).ifPresent(held -> enqueue(held, request.tokens()));
    return this;
  }

  private Optional<Held> admit(EmbeddingRequest request) {
    if (encoder.isEmpty()) {
      refuse(request, Reason.ENGINE_FAILED, -1, "the encoder is being loaded");
      return Optional.empty();
    }
    Optional<Held> held = queue.admit(request);
    if (held.isEmpty()) {
      refuse(request, Reason.FULL, -1, "the queue of the model is full");
    }
    return held;
  }

  private Behavior<WorkerMessage> onTokenized(Tokenized message) {
    if (!queue.isHeld(message.held())) {
      return this; // cancelled, or of the encoder before this one
    }
    message.failure().ifPresent(failure -> fail("Tokenizing failed", failure));
    enqueue(message.held(), message.tokens());
    return this;
  }

  private void enqueue(Held held, List<int[]> texts) {
    encoder
        .orElseThrow()
        .fault(texts)
        .ifPresentOrElse(
            fault -> refuse(held, fault.reason(), fault.index(), fault.detail()),
            () -> queue.ready(held, texts));
    compute();
  }

  /** Starts the next batch when none runs. */
  private void compute() {
    if (running != Batch.NONE) {
      return;
    }
    long now = clock.millis();
    for (Held held : queue.all()) {
      if (held.request().deadlineEpochMillis() < now) {
        refuse(held, Reason.LATE, -1, "no room in time");
      }
    }
    List<Slot> slots = queue.next(settings.batchTokens());
    if (slots.isEmpty()) {
      return;
    }
    Batch batch = new Batch(slots);
    running = batch;
    long started = System.nanoTime();
    getContext()
        .pipeToSelf(
            encoder.orElseThrow().embed(slots.stream().map(Slot::tokens).toList()),
            (vectors, failure) ->
                new Computed(
                    batch,
                    vectors == null ? List.of() : vectors,
                    System.nanoTime() - started,
                    Optional.ofNullable(failure)));
  }

  private Behavior<WorkerMessage> onComputed(Computed message) {
    if (message.batch() != running) {
      return this; // of the encoder before this one
    }
    message.failure().ifPresent(failure -> fail("The engine failed", failure));
    running = Batch.NONE;
    List<Slot> slots = message.batch().slots;
    Set<Held> touched = new HashSet<>();
    long tokens = 0;
    for (int i = 0; i < slots.size(); i++) {
      Slot slot = slots.get(i);
      slot.held().put(slot.index(), message.vectors().get(i));
      touched.add(slot.held());
      tokens += slot.tokens().length;
    }
    double rate = (double) tokens / Math.max(1, message.nanos());
    tokensPerNano += (tokensPerNano == 0 ? 1 : WEIGHT_OF_NEWEST) * (rate - tokensPerNano);
    for (Held held : touched) {
      held.complete().ifPresent(vectors -> answer(held, vectors));
    }
    compute();
    return this;
  }

  private void answer(Held held, float[][] vectors) {
    if (queue.remove(held)) {
      ByteBuffer bytes =
          ByteBuffer.allocate(vectors.length * model.dimensions() * Float.BYTES)
              .order(ByteOrder.LITTLE_ENDIAN);
      for (float[] vector : vectors) {
        for (float number : vector) {
          bytes.putFloat(number);
        }
      }
      EmbeddingRequest request = held.request();
      request.replyTo().tell(new Embedded(request.id(), held.tokenCount(), bytes.array()));
    }
  }

  private Behavior<WorkerMessage> onCancel(EmbeddingRequest.Cancel message) {
    queue.find(message.id()).ifPresent(queue::remove);
    return this;
  }

  private void refuse(Held held, Reason reason, int index, String detail) {
    if (queue.remove(held)) {
      refuse(held.request(), reason, index, detail);
    }
  }

  private void refuse(EmbeddingRequest request, Reason reason, int index, String detail) {
    EmbeddingReply refused = new Refused(request.id(), reason, index, detail, retryAfterMillis());
    request.replyTo().tell(refused);
  }

  /** In this time a tenth of what waits is computed, at the rate of late. */
  private long retryAfterMillis() {
    double nanos = tokensPerNano == 0 ? 0 : queue.waitingTokens() / tokensPerNano / 10;
    return Math.max(
        settings.retryAfterMin().toMillis(),
        Math.min(settings.retryAfterMax().toMillis(), (long) (nanos / 1e6)));
  }

  private void fail(String what, Throwable failure) {
    throw new IllegalStateException(what, failure);
  }

  private Behavior<WorkerMessage> end(Reason reason) {
    for (Held held : queue.all()) {
      refuse(held, reason, -1, "the worker " + (reason == Reason.STOPPING ? "stops" : "failed"));
    }
    leavesWithTheNode.cancel();
    ended.set(true);
    encoder.ifPresent(RunningEncoder::close);
    stopped.complete(Done.getInstance());
    return this;
  }
}
