package io.parley.node.models;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import io.parley.node.models.NodeModels.Accepted;
import io.parley.node.models.NodeModels.Command;
import io.parley.node.models.NodeModels.Describe;
import io.parley.node.models.NodeModels.Internal;
import io.parley.node.models.NodeModels.Load;
import io.parley.node.models.NodeModels.Models;
import io.parley.node.models.NodeModels.Ready;
import io.parley.node.models.NodeModels.Refusal;
import io.parley.node.models.NodeModels.Refused;
import io.parley.node.models.NodeModels.Surroundings;
import io.parley.node.models.NodeModels.Unload;
import io.parley.workers.ModelWorker;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.model.ModelSource;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.ToLongFunction;

/**
 * The owner of the node's models. What blocks runs on other threads and comes back as a message;
 * models are fetched side by side and loaded one after the other, so that each is measured against
 * what the one before has left.
 */
final class NodeModelsBehavior extends AbstractBehavior<Command> {
  private static final int MODELS_MAX = 64;
  private static final int FAILED_MAX = 16;
  private static final Duration LOOK_AGAIN = Duration.ofMillis(50);

  /** A slow part of a model's life has ended. */
  private record Done(long number, Part part, Optional<Throwable> failure) implements Internal {}

  /** It was found; whether it is in the store. */
  private record Found(long number, boolean there) implements Internal {}

  private record Measured(long number, EngineMemory memory) implements Internal {}

  private record WorkerStopped(long number) implements Internal {}

  /** Its worker makes another replica, because the one before broke. */
  private record Reopens(long number) implements Internal {}

  private record Reopened(long number, Optional<Throwable> failure) implements Internal {}

  private record LookAgain() implements Internal {}

  private enum Part {
    FIND,
    FETCH,
    LOAD,
    WARM_UP
  }

  private final Surroundings surroundings;
  private final TimerScheduler<Command> timers;
  private final Executor blocking;
  private final InstantSource clock = InstantSource.system();
  private final Map<Long, HostedModel> models = new LinkedHashMap<>();
  private final Deque<HostedModel> toLoad = new ArrayDeque<>();
  private Optional<HostedModel> loading = Optional.empty();
  private long lastNumber;
  private final KeptMemory kept;

  static Behavior<Command> create(Surroundings surroundings, List<Ready> ready) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  context.setLoggerName(NodeModels.class);
                  return new NodeModelsBehavior(context, timers, surroundings, ready);
                }));
  }

  private NodeModelsBehavior(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Surroundings surroundings,
      List<Ready> ready) {
    super(context);
    this.timers = timers;
    this.surroundings = surroundings;
    this.kept = new KeptMemory(surroundings.engineKeepsMemory());
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    for (Ready one : ready) {
      HostedModel hosted = host(one.order(), one.model());
      hosted.id = Optional.of(one.model().id());
      hosted.memory = Optional.of(one.model().memory());
      hosted.wasLoaded = true;
      serve(hosted);
    }
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Load.class, this::onLoad)
        .onMessage(Unload.class, this::onUnload)
        .onMessage(Describe.class, this::onDescribe)
        .onMessage(Found.class, this::onFound)
        .onMessage(Measured.class, this::onMeasured)
        .onMessage(Done.class, this::onDone)
        .onMessage(Reopens.class, this::onReopens)
        .onMessage(Reopened.class, this::onReopened)
        .onMessage(WorkerStopped.class, stopped -> forget(stopped.number()))
        .onMessage(LookAgain.class, look -> lookForServed())
        .build();
  }

  private HostedModel host(ModelOrder order, LoadableModel model) {
    HostedModel hosted = new HostedModel(++lastNumber, order, model, clock);
    models.put(hosted.number, hosted);
    return hosted;
  }

  // --- what is asked ---

  private Behavior<Command> onDescribe(Describe describe) {
    describe.replyTo().tell(new Models(models.values().stream().map(HostedModel::status).toList()));
    return this;
  }

  private Behavior<Command> onLoad(Load load) {
    long present = models.values().stream().filter(m -> m.state() != ModelState.FAILED).count();
    if (present >= MODELS_MAX) {
      load.replyTo().tell(refused(Refusal.TOO_MANY, "this node has " + MODELS_MAX + " models"));
      return this;
    }
    LoadableModel model;
    try {
      model = surroundings.models().apply(load.order());
    } catch (IllegalArgumentException e) {
      load.replyTo().tell(refused(Refusal.BAD_SETTING, e.getMessage()));
      return this;
    }
    // one that failed is asked for again
    models
        .values()
        .removeIf(
            m -> m.state() == ModelState.FAILED && m.order.spec().equals(load.order().spec()));
    HostedModel hosted = host(load.order(), model);
    if (ModelSource.looksLikeOne(load.order().spec())) {
      load.replyTo().tell(new Accepted(hosted.status())); // a large file is read to be found
    } else {
      hosted.waiting = Optional.of(load.replyTo());
    }
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(hosted.model::find, blocking),
            (there, failure) ->
                failure == null
                    ? new Found(hosted.number, there)
                    : new Done(hosted.number, Part.FIND, Optional.of(unwrapped(failure))));
    return this;
  }

  private Behavior<Command> onUnload(Unload unload) {
    List<HostedModel> called =
        models.values().stream().filter(model -> model.isCalled(unload.name())).toList();
    List<HostedModel> alive =
        called.stream().filter(model -> model.state() != ModelState.FAILED).toList();
    List<HostedModel> meant = alive.isEmpty() ? called : alive;
    if (meant.isEmpty()) {
      unload
          .replyTo()
          .tell(refused(Refusal.NOT_LOADED, "no model '" + unload.name() + "' is here"));
    } else if (meant.size() > 1) {
      List<String> names =
          meant.stream().map(m -> m.id.map(Object::toString).orElse("" + m.number)).toList();
      unload
          .replyTo()
          .tell(
              refused(
                  Refusal.AMBIGUOUS,
                  "'" + unload.name() + "' may be " + String.join(" or ", names)));
    } else {
      HostedModel model = meant.get(0);
      unload(model, unload.patience().orElse(surroundings.settings().drainTimeout()));
      unload.replyTo().tell(new Accepted(model.status()));
    }
    return this;
  }

  private void unload(HostedModel model, Duration patience) {
    // what was in vain because of it goes with it
    models
        .values()
        .removeIf(
            m ->
                m != model
                    && m.state() == ModelState.FAILED
                    && m.id.isPresent()
                    && m.id.equals(model.id));
    boolean idle = model.state() == ModelState.FAILED || toLoad.remove(model);
    boolean draining = model.state() == ModelState.DRAINING;
    if (!draining) {
      model.enter(ModelState.DRAINING);
    }
    if (idle) {
      models.remove(model.number);
      model.model.close();
    } else if (!draining) {
      // without a worker: what is under way cannot be stopped, and ends it when it has ended
      model.worker.ifPresent(worker -> worker.tell(new ModelWorker.Drain(patience)));
    }
  }

  private static Refused refused(Refusal reason, String message) {
    return new Refused(reason, message);
  }

  // --- finding and fetching ---

  private Behavior<Command> onFound(Found found) {
    HostedModel model = models.get(found.number());
    if (endIfUnloaded(model)) {
      return this;
    }
    if (found.there()) {
      return known(model);
    }
    accept(model);
    run(model, Part.FETCH, () -> model.model.fetch(model::progress));
    return this;
  }

  /** It is in the store, so it is known what it is. */
  private Behavior<Command> known(HostedModel model) {
    model.id = Optional.of(model.model.id());
    Optional<HostedModel> other =
        models.values().stream().filter(m -> m != model && m.id.equals(model.id)).findFirst();
    if (other.isPresent() && other.get().state() != ModelState.FAILED) {
      ModelState state = other.get().state();
      Refusal reason =
          switch (state) {
            case SERVING -> Refusal.ALREADY_LOADED;
            case DRAINING -> Refusal.DRAINING;
            default -> Refusal.LOADING;
          };
      String what = model.id.get() + " is here already, and " + state.label();
      refuseOrFail(model, reason, new ModelFailure(ModelFailure.Code.ALREADY_LOADED, what));
      return this;
    }
    other.ifPresent(failed -> models.remove(failed.number));
    model.enter(ModelState.LOADING);
    accept(model);
    toLoad.add(model);
    loadNext();
    return this;
  }

  private void accept(HostedModel model) {
    model.waiting.ifPresent(caller -> caller.tell(new Accepted(model.status())));
    model.waiting = Optional.empty();
  }

  private void refuseOrFail(HostedModel model, Refusal reason, ModelFailure failure) {
    if (model.waiting.isPresent()) {
      model.waiting.get().tell(refused(reason, failure.getMessage()));
      models.remove(model.number);
      model.model.close();
    } else {
      fail(model, failure);
    }
  }

  private void fail(HostedModel model, ModelFailure failure) {
    model.fail(failure);
    model.model.close();
    getContext().getLog().warn("{} is not served: {}", model.order.spec(), failure.getMessage());
    List<HostedModel> failed =
        models.values().stream().filter(m -> m.state() == ModelState.FAILED).toList();
    failed.stream()
        .limit(Math.max(0, failed.size() - FAILED_MAX))
        .forEach(oldest -> models.remove(oldest.number));
  }

  // --- loading ---

  private void loadNext() {
    if (loading.isPresent() || toLoad.isEmpty()) {
      return;
    }
    HostedModel model = toLoad.remove();
    loading = Optional.of(model);
    model.enter(ModelState.LOADING);
    long growth = models.values().stream().mapToLong(HostedModel::growthBytes).sum();
    ToLongFunction<EngineMemory> reusable = kept.copy()::reusableBytes;
    ActorRef<Command> self = getContext().getSelf();
    run(
        model,
        Part.LOAD,
        () -> {
          EngineMemory memory = model.model.memory();
          self.tell(new Measured(model.number, memory));
          surroundings
              .budget()
              .require(
                  model.id.orElseThrow().toString(), memory, growth, reusable.applyAsLong(memory));
          model.model.load(model::progress);
        });
  }

  private Behavior<Command> onMeasured(Measured measured) {
    models.get(measured.number()).memory = Optional.of(measured.memory());
    return this;
  }

  private interface Slow {
    void run() throws InterruptedException;
  }

  private void run(HostedModel model, Part part, Slow slow) {
    CompletableFuture<Void> done =
        CompletableFuture.runAsync(
            () -> {
              try {
                slow.run();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CompletionException(e);
              }
            },
            blocking);
    getContext()
        .pipeToSelf(
            done,
            (nothing, failure) ->
                new Done(
                    model.number,
                    part,
                    Optional.ofNullable(failure).map(NodeModelsBehavior::unwrapped)));
  }

  private Behavior<Command> onDone(Done done) {
    HostedModel model = models.get(done.number());
    boolean loaded = done.part() == Part.LOAD || done.part() == Part.WARM_UP;
    if (done.part() == Part.LOAD && done.failure().isEmpty()) {
      model.memory.ifPresent(kept::taken);
      model.wasLoaded = true;
    }
    if (done.failure().isPresent()) {
      if (!endIfUnloaded(model)) {
        refuseOrFail(model, refusal(done.failure().get()), failure(model, done.failure().get()));
      }
    } else if (!endIfUnloaded(model)) {
      switch (done.part()) {
        case FETCH -> known(model);
        case LOAD -> {
          Duration limit = surroundings.settings().warmUpLimit();
          model.enter(ModelState.WARMING);
          run(model, Part.WARM_UP, () -> model.model.warmUp(limit));
          return this;
        }
        case WARM_UP -> serve(model);
        case FIND -> throw new IllegalStateException("it is told as found");
      }
    }
    if (loaded) {
      loading = Optional.empty();
      loadNext();
    }
    return this;
  }

  private static Refusal refusal(Throwable failure) {
    return failure instanceof ModelFailure known && known.code() == ModelFailure.Code.NOT_FOUND
        ? Refusal.UNKNOWN_MODEL
        : Refusal.UNUSABLE;
  }

  private static Throwable unwrapped(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  private ModelFailure failure(HostedModel model, Throwable cause) {
    if (cause instanceof ModelFailure known) {
      return known;
    }
    getContext().getLog().error("{} could not be loaded", model.order.spec(), cause);
    return new ModelFailure(
        ModelFailure.Code.ENGINE_FAILED, "the model could not be loaded; the log says why", cause);
  }

  /** It was unloaded while something of it was under way, which has ended now. */
  private boolean endIfUnloaded(HostedModel model) {
    if (model.state() != ModelState.DRAINING) {
      return false;
    }
    accept(model);
    forget(model.number);
    return true;
  }

  private Behavior<Command> forget(long number) {
    HostedModel model = models.remove(number);
    model.model.close();
    if (model.wasLoaded) {
      model.memory.ifPresent(kept::left);
    }
    getContext().getLog().info("{} is unloaded", model.order.spec());
    return this;
  }

  // --- serving ---

  /** It stays in its state until the directory has it: who reads "serving" may use it. */
  private void serve(HostedModel model) {
    model.enter(ModelState.WARMING);
    ActorRef<Command> self = getContext().getSelf();
    AtomicBoolean opened = new AtomicBoolean();
    String name = model.id.orElseThrow().toString().replace('@', '-') + "-" + model.number;
    ActorRef<ModelWorker.Command> worker =
        getContext()
            .spawn(
                surroundings.workers().apply(() -> open(model, opened.getAndSet(true), self)),
                name);
    getContext().watchWith(worker, new WorkerStopped(model.number));
    model.worker = Optional.of(worker);
    timers.startTimerWithFixedDelay(new LookAgain(), LOOK_AGAIN);
  }

  /** In a thread of the worker. */
  private static Replica open(HostedModel model, boolean again, ActorRef<Command> self) {
    if (!again) {
      return model.model.openReplica();
    }
    self.tell(new Reopens(model.number));
    try {
      Replica replica = model.model.openReplica();
      self.tell(new Reopened(model.number, Optional.empty()));
      return replica;
    } catch (RuntimeException e) {
      self.tell(new Reopened(model.number, Optional.of(e)));
      throw e;
    }
  }

  private Behavior<Command> onReopens(Reopens reopens) {
    HostedModel model = models.get(reopens.number());
    if (model != null && model.state() == ModelState.SERVING) {
      model.enter(ModelState.LOADING);
      model.failure =
          Optional.of(
              new ModelFailure(
                  ModelFailure.Code.ENGINE_FAILED, "its engine broke; it is loaded again"));
    }
    return this;
  }

  private Behavior<Command> onReopened(Reopened reopened) {
    HostedModel model = models.get(reopened.number());
    if (model == null || model.state() != ModelState.LOADING) {
      return this;
    }
    if (reopened.failure().isPresent()) {
      model.failure = Optional.of(failure(model, reopened.failure().get())); // it tries again
    } else {
      model.failure = Optional.empty();
      model.enter(ModelState.WARMING);
      timers.startTimerWithFixedDelay(new LookAgain(), LOOK_AGAIN);
    }
    return this;
  }

  private Behavior<Command> lookForServed() {
    boolean all = true;
    for (HostedModel model : models.values()) {
      if (model.worker.isPresent() && model.state() == ModelState.WARMING) {
        if (surroundings.served().test(model.id.orElseThrow())) {
          model.enter(ModelState.SERVING);
        } else {
          all = false;
        }
      }
    }
    if (all) {
      timers.cancel(new LookAgain());
    }
    return this;
  }
}
