package io.parley.node.models;

import akka.actor.typed.ActorRef;
import io.parley.node.models.ModelStatus.Progress;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.Drain;
import io.parley.workers.engine.EngineMemory;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import org.slf4j.Logger;

/**
 * A model in the owner's hands. Its progress is written by the threads that fetch and load; all
 * else is the owner's own.
 */
final class HostedModel {
  final long number;
  final ModelOrder order;
  final LoadableModel model;

  /** What of it runs before there is a worker. */
  final SlowPart slow = new SlowPart();

  private final InstantSource clock;

  Optional<ModelId> id = Optional.empty();
  Optional<EngineMemory> memory = Optional.empty();
  Optional<ActorRef<Drain>> worker = Optional.empty();
  Optional<ModelFailure> failure = Optional.empty();
  boolean wasLoaded;
  Optional<ActorRef<NodeModels.Reply>> waiting = Optional.empty();

  private ModelState state = ModelState.FETCHING;
  private Instant since;
  private volatile Optional<Progress> progress = Optional.empty();

  HostedModel(long number, ModelOrder order, LoadableModel model, InstantSource clock) {
    this.number = number;
    this.order = order;
    this.model = model;
    this.clock = clock;
    this.since = clock.instant();
  }

  ModelState state() {
    return state;
  }

  boolean failed() {
    return state == ModelState.FAILED;
  }

  /** Whether it shall go as soon as what is under way has ended. */
  boolean ending() {
    return state == ModelState.DRAINING || state == ModelState.CANCELLING;
  }

  void enter(ModelState next) {
    state = next;
    since = clock.instant();
    progress = Optional.empty();
  }

  void fail(ModelFailure reason) {
    enter(ModelState.FAILED);
    failure = Optional.of(reason);
  }

  /** What an operator reads of something that went wrong; what is not known is logged. */
  ModelFailure explained(Throwable cause, Logger log) {
    if (cause instanceof ModelFailure known) {
      return known;
    }
    log.error("{} could not be loaded", order.spec(), cause);
    return new ModelFailure(
        ModelFailure.Code.ENGINE_FAILED, "the model could not be loaded; the log says why", cause);
  }

  /**
   * Called by the thread that gets on.
   *
   * @throws java.util.concurrent.CancellationException when it shall end
   */
  void progress(Progress now) {
    slow.check();
    progress = Optional.of(now);
  }

  /** What it may still take: what comes with use. */
  long growthBytes() {
    return worker.isEmpty() ? 0 : memory.map(EngineMemory::workingBytes).orElse(0L);
  }

  /** Whether a caller means it by this name. */
  boolean isCalled(String name) {
    return id.map(known -> known.name().equals(name) || known.toString().equals(name)).orElse(false)
        || order.spec().equals(name)
        || Long.toString(number).equals(name);
  }

  ModelStatus status() {
    return new ModelStatus(
        number,
        order.spec(),
        model.engine(),
        model.device(),
        id,
        id.map(known -> model.kind()),
        state,
        since,
        progress,
        memory,
        failed() ? Optional.empty() : model.activity(),
        failure.map(why -> new ModelStatus.Failure(why.code().label(), why.getMessage())));
  }
}
