package io.parley.node;

import akka.actor.typed.Behavior;
import com.typesafe.config.Config;
import io.parley.node.models.LoadableModel;
import io.parley.node.models.ModelKind;
import io.parley.node.models.ModelOrder;
import io.parley.node.models.ModelStatus.Activity;
import io.parley.node.models.ModelStatus.Progress;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.Drain;
import io.parley.workers.ModelWorker;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.simulated.SimulatedEngine;
import io.parley.workers.engine.simulated.SimulatedFaults;
import io.parley.workers.engine.simulated.SimulatedSettings;
import io.parley.workers.engine.simulated.SimulatedText;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/** A model that is only simulated: nothing is fetched, and it takes no memory beside the heap. */
final class SimulatedModel implements LoadableModel {
  private final SimulatedSettings settings;
  private final BatcherSettings batcherSettings;
  private final SimulatedFaults faults;
  private volatile Optional<EngineReplica> newest = Optional.empty();

  /**
   * @param order its spec names a simulated model
   * @throws IllegalArgumentException when its settings are not allowed, or no such model is
   */
  SimulatedModel(ModelOrder order, Config config) {
    settings = SimulatedSettings.of(config, order.spec());
    order.requireNoDevice();
    if (order.kvMemoryBytes().isPresent()) {
      throw new IllegalArgumentException(
          "a simulated model has no kv-memory; its size is said by kv-tokens behind its name");
    }
    BatcherSettings batcher = BatcherSettings.from(config);
    Optional<Integer> slots =
        order.slots().or(() -> Optional.of(settings.slots()).filter(count -> count > 0));
    batcherSettings = slots.map(batcher::withSlots).orElse(batcher);
    faults = new SimulatedFaults(settings);
  }

  @Override
  public String engine() {
    return "simulated";
  }

  @Override
  public String device() {
    return "none";
  }

  @Override
  public boolean find() {
    return true;
  }

  @Override
  public void fetch(Consumer<Progress> progress) {
    throw new IllegalStateException("it is always there");
  }

  @Override
  public ModelId id() {
    return settings.id();
  }

  @Override
  public ModelKind kind() {
    return ModelKind.CHAT;
  }

  @Override
  public EngineMemory memory() {
    return new EngineMemory(0, 0, 0);
  }

  @Override
  public void load(Consumer<Progress> progress) {
    // nothing to load: a replica is made where it is needed
  }

  /** Nothing gets faster by it, and its steps take the time that they are told to. */
  @Override
  public void warmUp(Duration limit) {}

  @Override
  public String description() {
    return id() + ", simulated, " + batcherSettings.slots() + " slots";
  }

  @Override
  public Behavior<Drain> worker(Openings openings) {
    return ModelWorker.create(() -> openings.open(this::openReplica)).narrow();
  }

  private Replica openReplica() {
    SimulatedText text = new SimulatedText();
    EngineReplica replica =
        new EngineReplica(
            new ModelInfo(id(), settings.contextLength(), 0, "parley", "Apache-2.0"),
            new SimulatedEngine(
                settings, faults, batcherSettings.slots(), batcherSettings.maxBatchTokens()),
            text,
            text,
            batcherSettings);
    newest = Optional.of(replica);
    return replica;
  }

  @Override
  public Optional<Activity> activity() {
    return newest.map(LoadedDecoder::activityOf);
  }

  @Override
  public void close() {
    newest = Optional.empty();
  }
}
