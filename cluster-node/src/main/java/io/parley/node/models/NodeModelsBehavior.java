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
import io.parley.workers.Drain;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.model.ModelSource;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.ToLongFunction;

/**
 * The owner of the node's models. What blocks runs on other threads and comes back as a message;
 * models are fetched side by side and loaded one after the other, so that each is measured against
 * what the one before has left.
 */
final class NodeModelsBehavior extends AbstractBehavior<Command> {
  private static final int MODELS_MAX = 64;

  /** A slow part of a model's life has ended. */
  private record Done(long number, Part part, Optional<Throwable> failure) implements Internal {}

  /** It was found; whether it is in the store. */
  private record Found(long number, boolean there) implements Internal {}

  private record Measured(long number, EngineMemory memory) implements Internal {}

  private enum Part {
    FIND,
    FETCH,
    LOAD,
    WARM_UP
  }

  private final Surroundings surroundings;
  private final ModelWorkers workers;
  private final Executor blocking;
  private final HostedModels models = new HostedModels(InstantSource.system());
  private final Deque<HostedModel> toLoad = new ArrayDeque<>();
  private Optional<HostedModel> loading = Optional.empty();
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
    this.surroundings = surroundings;
    this.workers = new ModelWorkers(context, timers, models, surroundings.served());
    this.kept = new KeptMemory(surroundings.engineKeepsMemory());
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    for (Ready one : ready) {
      HostedModel hosted = models.add(one.order(), one.model());
      hosted.id = Optional.of(one.model().id());
      hosted.memory = Optional.of(one.model().memory());
      hosted.wasLoaded = true;
      workers.serve(hosted);
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
        .onMessage(ModelWorkers.Reopens.class, this::onReopens)
        .onMessage(ModelWorkers.Reopened.class, this::onReopened)
        .onMessage(ModelWorkers.LookAgain.class, look -> onLookAgain())
        .onMessage(ModelWorkers.Stopped.class, stopped -> forget(stopped.number()))
        .build();
  }

  // --- what is asked ---

  private Behavior<Command> onDescribe(Describe describe) {
    describe.replyTo().tell(new Models(models.all().stream().map(HostedModel::status).toList()));
    return this;
  }

  private Behavior<Command> onLoad(Load load) {
    if (models.alive() >= MODELS_MAX) {
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
    models.forgetFailed(load.order());
    HostedModel hosted = models.add(load.order(), model);
    if (ModelSource.looksLikeOne(load.order().spec())) {
      load.replyTo().tell(new Accepted(hosted.status())); // a large file is read to be found
    } else {
      hosted.waiting = Optional.of(load.replyTo());
    }
    getContext()
        .pipeToSelf(
            hosted.slow.run(hosted.model::find, blocking),
            (there, failure) ->
                failure == null
                    ? new Found(hosted.number, there)
                    : new Done(hosted.number, Part.FIND, Optional.of(unwrapped(failure))));
    return this;
  }

  private Behavior<Command> onUnload(Unload unload) {
    List<HostedModel> meant = models.called(unload.name());
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
    if (model.ending()) {
      return;
    }
    models.forgetFailed(model.id);
    if (model.failed() || toLoad.remove(model)) { // nothing of it is under way
      model.enter(ModelState.CANCELLING);
      models.remove(model);
      model.model.close();
    } else if (model.worker.isPresent()) {
      model.enter(ModelState.DRAINING);
      model.worker.get().tell(new Drain(patience));
    } else {
      model.enter(ModelState.CANCELLING);
      model.slow.cancel();
    }
  }

  private static Refused refused(Refusal reason, String message) {
    return new Refused(reason, message);
  }

  // --- finding and fetching ---

  private Behavior<Command> onFound(Found found) {
    HostedModel model = models.require(found.number());
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
    Optional<HostedModel> other = models.twin(model);
    if (other.isPresent() && !other.get().failed()) {
      ModelState state = other.get().state();
      Refusal reason =
          switch (state) {
            case SERVING -> Refusal.ALREADY_LOADED;
            case DRAINING, CANCELLING -> Refusal.DRAINING;
            default -> Refusal.LOADING;
          };
      String what = model.id.get() + " is here already, and " + state.label();
      refuseOrFail(model, reason, new ModelFailure(ModelFailure.Code.ALREADY_LOADED, what));
      return this;
    }
    other.ifPresent(models::remove);
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
      models.remove(model);
      model.model.close();
    } else {
      fail(model, failure);
    }
  }

  private void fail(HostedModel model, ModelFailure failure) {
    model.fail(failure);
    model.model.close();
    getContext().getLog().warn("{} is not served: {}", model.order.spec(), failure.getMessage());
    models.limitFailed();
  }

  // --- loading ---

  private void loadNext() {
    if (loading.isPresent() || toLoad.isEmpty()) {
      return;
    }
    HostedModel model = toLoad.remove();
    loading = Optional.of(model);
    model.enter(ModelState.LOADING);
    long growth = models.growthBytes();
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
    models.require(measured.number()).memory = Optional.of(measured.memory());
    return this;
  }

  private interface Step {
    void run() throws InterruptedException;
  }

  private void run(HostedModel model, Part part, Step step) {
    SlowPart.Task<Part> task =
        () -> {
          step.run();
          return part;
        };
    // an interrupt while TensorFlow's classes are loaded could leave this process without them
    CompletionStage<Part> running =
        part == Part.LOAD
            ? model.slow.runUninterrupted(task, blocking)
            : model.slow.run(task, blocking);
    getContext()
        .pipeToSelf(
            running,
            (ended, failure) ->
                new Done(
                    model.number,
                    part,
                    Optional.ofNullable(failure).map(NodeModelsBehavior::unwrapped)));
  }

  private Behavior<Command> onDone(Done done) {
    HostedModel model = models.require(done.number());
    boolean loaded = done.part() == Part.LOAD || done.part() == Part.WARM_UP;
    if (done.part() == Part.LOAD && done.failure().isEmpty()) {
      model.memory.ifPresent(kept::taken);
      model.wasLoaded = true;
    }
    if (done.failure().isPresent()) {
      if (!endIfUnloaded(model)) {
        refuseOrFail(
            model,
            refusal(done.failure().get()),
            model.explained(done.failure().get(), getContext().getLog()));
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
        case WARM_UP -> workers.serve(model);
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

  /** It was unloaded while something of it was under way, which has ended now. */
  private boolean endIfUnloaded(HostedModel model) {
    if (!model.ending()) {
      return false;
    }
    accept(model);
    forget(model.number);
    return true;
  }

  private Behavior<Command> forget(long number) {
    HostedModel model = models.require(number);
    models.remove(model);
    model.model.close();
    if (model.wasLoaded) {
      model.memory.ifPresent(kept::left);
    }
    getContext().getLog().info("{} is unloaded", model.order.spec());
    return this;
  }

  // --- serving ---

  private Behavior<Command> onReopens(ModelWorkers.Reopens reopens) {
    workers.reopens(reopens);
    return this;
  }

  private Behavior<Command> onReopened(ModelWorkers.Reopened reopened) {
    workers.reopened(reopened);
    return this;
  }

  private Behavior<Command> onLookAgain() {
    workers.lookForServed();
    return this;
  }
}
