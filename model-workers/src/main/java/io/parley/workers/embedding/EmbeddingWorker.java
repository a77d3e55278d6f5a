package io.parley.workers.embedding;

import akka.Done;
import akka.actor.Cancellable;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorRef;
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
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import io.parley.routing.DirectoryNotices;
import io.parley.routing.EmbeddingDispatcher;
import io.parley.routing.EmbeddingDispatcher.WorkerCommand;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.workers.Drain;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The actor that owns one encoder: loading, serving, draining. It registers with the {@code
 * WorkerDirectory} when the encoder is loaded, pulls requests while it holds less than two batches,
 * has them tokenized, and runs one batch of texts at a time, of whatever it holds. When the engine
 * fails or is stalled, what it holds is handed back, and the encoder is loaded again after a while;
 * meanwhile it stays in the directory, and requests wait for it. The new one is probed: it takes
 * one request of each dispatcher at most until it has computed one.
 */
public final class EmbeddingWorker extends AbstractBehavior<WorkerMessage> {
  /** What it says to itself. */
  interface Internal extends WorkerMessage {}

  private record Loaded(Optional<EncoderReplica> replica, Optional<Throwable> failure)
      implements Internal {}

  private record Dispatchers(Set<ActorRef<WorkerCommand>> refs) implements Internal {}

  private record Heartbeat() implements Internal {}

  private record Leave() implements Internal {}

  private record Closed() implements Internal {}

  /** One is computed while the next one comes. */
  private static final int BATCHES_HELD = 2;

  private final TimerScheduler<WorkerMessage> timers;
  private final ModelInfo model;
  private final EmbeddingSettings settings;
  private final InstantSource clock;
  private final EmbeddingPulls pulls;
  private final DirectoryNotices notices; // outlives them, too
  private final CompletableFuture<Done> stopped = new CompletableFuture<>();
  private final Cancellable leavesWithTheNode;

  /** Empty until the encoder is loaded, and when it is being closed. */
  private Optional<TextBatches> texts = Optional.empty();

  /** Whether the encoder is one in place of one that broke. Outlives the worker's restarts. */
  private final AtomicBoolean onProbation;

  private boolean registered;
  private boolean draining;
  private boolean closing;

  /** Read by the thread that loads: an encoder that comes too late is closed at once. */
  private final AtomicBoolean ended = new AtomicBoolean();

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
    return Behaviors.setup(
        outer -> {
          AtomicBoolean onProbation = new AtomicBoolean();
          DirectoryNotices notices = new DirectoryNotices(outer.getSelf());
          Behavior<WorkerMessage> worker =
              Behaviors.setup(
                  context ->
                      Behaviors.withTimers(
                          timers ->
                              new EmbeddingWorker(
                                  context,
                                  timers,
                                  model,
                                  factory,
                                  settings,
                                  clock,
                                  onProbation,
                                  notices)));
          return Behaviors.supervise(worker)
              .onFailure(
                  RuntimeException.class,
                  SupervisorStrategy.restartWithBackoff(
                      settings.restartMin(), settings.restartMax(), 0.1));
        });
  }

  private EmbeddingWorker(
      ActorContext<WorkerMessage> context,
      TimerScheduler<WorkerMessage> timers,
      ModelInfo model,
      EncoderReplica.Factory factory,
      EmbeddingSettings settings,
      InstantSource clock,
      AtomicBoolean onProbation,
      DirectoryNotices notices) {
    super(context);
    this.timers = timers;
    this.model = model;
    this.settings = settings;
    this.clock = clock;
    this.onProbation = onProbation;
    ActorRef<WorkerMessage> self = context.getSelf();
    this.pulls = new EmbeddingPulls(self, model.id());
    this.notices = notices;
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
        .onMessage(EmbeddingDispatcher.Handed.class, this::onHanded)
        .onMessage(EmbeddingRequest.Cancel.class, this::onCancel)
        .onMessage(WorkerDirectory.Describe.class, this::onDescribe)
        .onMessage(Loaded.class, this::onLoaded)
        .onMessage(Dispatchers.class, this::onDispatchers)
        .onMessage(Heartbeat.class, beat -> onHeartbeat())
        .onMessage(TextBatches.Tokenized.class, this::onTokenized)
        .onMessage(TextBatches.Computed.class, this::onComputed)
        .onMessage(Drain.class, this::onDrain)
        .onMessage(Leave.class, leave -> closeAndStop())
        .onMessage(Closed.class, closed -> Behaviors.stopped())
        .onSignal(PreRestart.class, signal -> onBroken())
        .onSignal(PostStop.class, signal -> onStopped())
        .build();
  }

  private Behavior<WorkerMessage> onLoaded(Loaded message) {
    if (message.failure().isPresent()) {
      return broken("The encoder cannot be loaded", message.failure().get());
    }
    texts =
        message
            .replica()
            .map(RunningEncoder::new)
            .map(loaded -> new TextBatches(getContext(), loaded, settings.batchTokens(), clock));
    tellReceptionist(Receptionist.register(WorkerDirectory.SERVICE_KEY, getContext().getSelf()));
    registered = true;
    followDispatchers();
    timers.startTimerWithFixedDelay(new Heartbeat(), settings.pullInterval());
    return this;
  }

  private void followDispatchers() {
    ActorRef<Receptionist.Listing> listings =
        getContext()
            .messageAdapter(
                Receptionist.Listing.class,
                listing -> // one that cannot be reached for a moment has not begun anew behind it
                new Dispatchers(listing.getAllServiceInstances(EmbeddingDispatcher.SERVICE_KEY)));
    tellReceptionist(Receptionist.subscribe(EmbeddingDispatcher.SERVICE_KEY, listings));
  }

  private Behavior<WorkerMessage> onDispatchers(Dispatchers list) {
    if (!draining) {
      pulls.known(list.refs());
    }
    return settle();
  }

  private Behavior<WorkerMessage> onHeartbeat() {
    Duration age = texts.map(TextBatches::batchAge).orElse(Duration.ZERO);
    if (age.compareTo(settings.iterationTimeout()) > 0) {
      return stalled(age);
    }
    pulls.repeat();
    return settle();
  }

  private void tellReceptionist(Receptionist.Command command) {
    getContext().getSystem().receptionist().tell(command);
  }

  /** What it holds may end, within the patience; then it stops. */
  private Behavior<WorkerMessage> onDrain(Drain drain) {
    if (draining) {
      return this;
    }
    stopPulling();
    notices.farewell();
    timers.startSingleTimer(new Leave(), drain.patience());
    return settle();
  }

  private void stopPulling() {
    draining = true;
    pulls.withdraw();
    deregister();
  }

  private void deregister() {
    if (registered) { // twice would stop the receptionist itself
      tellReceptionist(
          Receptionist.deregister(WorkerDirectory.SERVICE_KEY, getContext().getSelf()));
      registered = false;
    }
  }

  /** After anything happened: asks for more, or ends. */
  private Behavior<WorkerMessage> settle() {
    if (draining) {
      return texts.filter(held -> !held.isEmpty()).isPresent() ? this : closeAndStop();
    }
    texts.ifPresent(held -> pulls.update(room(held)));
    return this;
  }

  /** How many tokens it would take. */
  private int room(TextBatches held) {
    if (onProbation.get()) {
      return held.isEmpty() ? 1 : 0;
    }
    return BATCHES_HELD * settings.batchTokens() - held.estimatedTokens();
  }

  /** It stops when the encoder's memory is free: who sees it gone may count on that. */
  private Behavior<WorkerMessage> closeAndStop() {
    refuseAll(Reason.STOPPING, "the worker stops");
    stopPulling();
    timers.cancelAll();
    if (texts.isEmpty()) {
      return closing ? this : Behaviors.stopped();
    }
    closing = true;
    getContext().pipeToSelf(texts.get().close(), (done, failure) -> new Closed());
    texts = Optional.empty();
    return this;
  }

  private Behavior<WorkerMessage> onDescribe(WorkerDirectory.Describe message) {
    if (!draining) {
      notices.answer(message, model);
    }
    return this;
  }

  private Behavior<WorkerMessage> onHanded(EmbeddingDispatcher.Handed handed) {
    if (draining) { // it was on its way
      for (EmbeddingRequest request : handed.requests()) {
        handed
            .replyTo()
            .tell(new Refused(request.id(), Reason.STOPPING, -1, "the worker stops", 0));
      }
    } else if (pulls.isAnswered(handed)) {
      texts.ifPresent(held -> held.add(handed.requests(), handed.replyTo()));
    }
    return settle();
  }

  private Behavior<WorkerMessage> onCancel(EmbeddingRequest.Cancel message) {
    texts.ifPresent(held -> held.cancel(message.id()));
    return settle();
  }

  private Behavior<WorkerMessage> onTokenized(TextBatches.Tokenized message) {
    if (texts.filter(held -> held.holds(message)).isEmpty()) {
      return this;
    }
    if (message.failure().isPresent()) {
      return broken("Tokenizing failed", message.failure().get());
    }
    texts.get().tokenized(message);
    return settle();
  }

  private Behavior<WorkerMessage> onComputed(TextBatches.Computed message) {
    if (texts.filter(held -> held.awaits(message)).isEmpty()) {
      return this;
    }
    if (message.failure().isPresent()) {
      return broken("The engine failed", message.failure().get());
    }
    onProbation.set(false);
    texts.get().computed(message);
    return settle();
  }

  /** Nothing ends a batch that is stuck in native code: its memory is free when it comes back. */
  private Behavior<WorkerMessage> stalled(Duration age) {
    if (draining) {
      getContext().getLog().error("A batch lasts {}: the encoder is stalled", age);
      return Behaviors.stopped();
    }
    throw new IllegalStateException("A batch lasts " + age + ": the encoder is stalled");
  }

  /** It begins anew, by its supervision; one that is to go does not. */
  private Behavior<WorkerMessage> broken(String what, Throwable failure) {
    if (draining) {
      getContext().getLog().error(what, failure);
      refuseAll(Reason.ENGINE_FAILED, "the worker failed");
      return closeAndStop();
    }
    throw new IllegalStateException(what, failure);
  }

  private void refuseAll(Reason reason, String detail) {
    texts.ifPresent(held -> held.refuseAll(reason, detail));
  }

  private Behavior<WorkerMessage> onBroken() {
    onProbation.set(true);
    pulls.broke();
    return end();
  }

  private Behavior<WorkerMessage> onStopped() {
    refuseAll(Reason.STOPPING, "the worker stops");
    return end();
  }

  private Behavior<WorkerMessage> end() {
    leavesWithTheNode.cancel();
    ended.set(true);
    texts.ifPresent(TextBatches::close);
    stopped.complete(Done.getInstance());
    return this;
  }
}
