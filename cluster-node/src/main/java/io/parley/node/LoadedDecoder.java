package io.parley.node;

import akka.actor.typed.Behavior;
import io.parley.node.models.LoadableModel.Openings;
import io.parley.node.models.ModelKind;
import io.parley.node.models.ModelStatus.Activity;
import io.parley.workers.Drain;
import io.parley.workers.ModelWorker;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.batch.BatcherStats;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.Replica;
import io.parley.workers.replica.WarmUp;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/** A model that answers messages. */
final class LoadedDecoder implements StoredEngine {
  private final StoredModel stored;
  private final EngineSettings engineSettings;
  private final BatcherSettings batcherSettings;
  private final AtomicReference<Replica> first = new AtomicReference<>();
  private volatile Optional<EngineReplica> newest = Optional.empty();

  LoadedDecoder(StoredModel stored, EngineSettings engine, BatcherSettings batcher) {
    this.stored = stored;
    this.engineSettings = engine;
    this.batcherSettings = batcher;
  }

  @Override
  public ModelKind kind() {
    return ModelKind.CHAT;
  }

  @Override
  public EngineMemory memory() {
    return TensorFlowEngine.memory(
        stored.file(),
        stored.manifest().weights(),
        engineSettings,
        Math.max(batcherSettings.slots(), batcherSettings.draftRows()));
  }

  @Override
  public void load(ImportListener listener) {
    first.set(open(listener));
  }

  @Override
  public String description() {
    Replica replica = first.get();
    return replica.model().id() + ", " + replica.variant() + ", " + replica.slots() + " slots";
  }

  @Override
  public int warmUp(Duration limit) throws InterruptedException {
    return WarmUp.run(first.get(), limit);
  }

  @Override
  public Behavior<Drain> worker(Openings openings) {
    return ModelWorker.create(() -> openings.open(this::openReplica)).narrow();
  }

  private Replica openReplica() {
    return Optional.ofNullable(first.getAndSet(null)).orElseGet(() -> open(ImportListener.NONE));
  }

  private Replica open(ImportListener listener) {
    EngineReplica replica = StoredReplica.open(stored, engineSettings, batcherSettings, listener);
    newest = Optional.of(replica);
    return replica;
  }

  @Override
  public Optional<Activity> activity() {
    return newest.map(LoadedDecoder::activityOf);
  }

  static Activity activityOf(EngineReplica replica) {
    BatcherStats stats = replica.stats();
    return new Activity(
        replica.slots(), stats.running(), stats.waiting(), stats.blocks(), stats.freeBlocks());
  }

  @Override
  public void close() {
    newest = Optional.empty();
    Optional.ofNullable(first.getAndSet(null)).ifPresent(Replica::close);
  }
}
