package io.parley.node.models;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.TimerScheduler;
import io.parley.node.models.NodeModels.Command;
import io.parley.node.models.NodeModels.Internal;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.Drain;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * The workers of loaded models, as children of the owner, and the states that follow from what they
 * do. Used by the owner's thread alone.
 */
final class ModelWorkers {
  private static final Duration LOOK_AGAIN = Duration.ofMillis(50);

  /** A worker has ended, and freed what it had. */
  record Stopped(long number) implements Internal {}

  /** A worker makes another replica, because the one before broke. */
  record Reopens(long number) implements Internal {}

  record Reopened(long number, Optional<Throwable> failure) implements Internal {}

  record LookAgain() implements Internal {}

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final HostedModels models;
  private final Predicate<ModelId> served;

  ModelWorkers(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      HostedModels models,
      Predicate<ModelId> served) {
    this.context = context;
    this.timers = timers;
    this.models = models;
    this.served = served;
  }

  /** It stays in its state until the directory has it: who reads "serving" may use it. */
  void serve(HostedModel model) {
    model.enter(ModelState.WARMING);
    String name = model.id.orElseThrow().toString().replace('@', '-') + "-" + model.number;
    ActorRef<Drain> worker =
        context.spawn(model.model.worker(new Reopenings(model.number, context.getSelf())), name);
    context.watchWith(worker, new Stopped(model.number));
    model.worker = Optional.of(worker);
    timers.startTimerWithFixedDelay(new LookAgain(), LOOK_AGAIN);
  }

  /** Tells the owner of each replica but the first. */
  private record Reopenings(long number, ActorRef<Command> owner, AtomicBoolean opened)
      implements LoadableModel.Openings {
    Reopenings(long number, ActorRef<Command> owner) {
      this(number, owner, new AtomicBoolean());
    }

    @Override
    public <T> T open(Supplier<T> replica) {
      if (!opened.getAndSet(true)) {
        return replica.get();
      }
      owner.tell(new Reopens(number));
      try {
        T another = replica.get();
        owner.tell(new Reopened(number, Optional.empty()));
        return another;
      } catch (RuntimeException e) {
        owner.tell(new Reopened(number, Optional.of(e)));
        throw e;
      }
    }
  }

  void reopens(Reopens reopens) {
    models
        .find(reopens.number())
        .filter(model -> model.state() == ModelState.SERVING)
        .ifPresent(
            model -> {
              model.enter(ModelState.LOADING);
              model.failure =
                  Optional.of(
                      new ModelFailure(
                          ModelFailure.Code.ENGINE_FAILED, "its engine broke; it is loaded again"));
            });
  }

  void reopened(Reopened reopened) {
    models
        .find(reopened.number())
        .filter(model -> model.state() == ModelState.LOADING)
        .ifPresent(model -> reopened(model, reopened.failure()));
  }

  private void reopened(HostedModel model, Optional<Throwable> failure) {
    if (failure.isPresent()) {
      model.failure =
          Optional.of(model.explained(failure.get(), context.getLog())); // it tries again
    } else {
      model.failure = Optional.empty();
      model.enter(ModelState.WARMING);
      timers.startTimerWithFixedDelay(new LookAgain(), LOOK_AGAIN);
    }
  }

  void lookForServed() {
    boolean all = true;
    for (HostedModel model : models.all()) {
      if (model.worker.isPresent() && model.state() == ModelState.WARMING) {
        if (served.test(model.id.orElseThrow())) {
          model.enter(ModelState.SERVING);
        } else {
          all = false;
        }
      }
    }
    if (all) {
      timers.cancel(new LookAgain());
    }
  }
}
