package io.parley.node;

import akka.actor.typed.Behavior;
import com.typesafe.config.Config;
import io.parley.node.models.LoadableModel;
import io.parley.node.models.ModelFailure;
import io.parley.node.models.ModelKind;
import io.parley.node.models.ModelOrder;
import io.parley.node.models.ModelStatus.Activity;
import io.parley.node.models.ModelStatus.Progress;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.Drain;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.embedding.EmbeddingSettings;
import io.parley.workers.engine.Device;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.safetensors.SafetensorsException;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.TokenizerException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model of the store, loaded on this node. The first replica is made before there is a worker, so
 * that a bad file ends the start, or the load, with one clear line; a worker whose replica broke
 * asks for another. What it is for is known when it has been found.
 */
final class LoadedModel implements LoadableModel {
  private static final Logger log = LoggerFactory.getLogger(LoadedModel.class);

  private final ModelOrder order;
  private final ModelStore store;
  private final EngineSettings engineSettings;
  private final BatcherSettings batcherSettings;
  private final EmbeddingSettings embeddingSettings;
  private volatile Optional<StoredModel> stored = Optional.empty();
  private volatile Optional<StoredEngine> engine = Optional.empty();

  /**
   * @throws IllegalArgumentException when the order's settings are not allowed
   */
  LoadedModel(ModelOrder order, Config config) {
    this.order = order;
    EngineSettings engineDefaults = EngineSettings.from(config);
    BatcherSettings batcher = BatcherSettings.from(config);
    this.store = ModelStore.in(engineDefaults.cacheFolder());
    EngineSettings placed = order.device().map(engineDefaults::withDevice).orElse(engineDefaults);
    if (placed.device() instanceof Device.Cores cores) {
      cores.requireHere();
    }
    this.engineSettings = order.kvMemoryBytes().map(placed::withKvMemory).orElse(placed);
    this.batcherSettings = order.slots().map(batcher::withSlots).orElse(batcher);
    this.embeddingSettings = EmbeddingSettings.from(config);
  }

  @Override
  public String engine() {
    return "tensorflow";
  }

  @Override
  public String device() {
    return engineSettings.device().label();
  }

  @Override
  public boolean find() {
    try {
      usable(() -> store.lookUp(order.spec())).ifPresent(this::take);
      return stored.isPresent();
    } catch (ModelStoreException e) {
      throw new ModelFailure(codeOf(e, ModelFailure.Code.NOT_FOUND), e.getMessage(), e);
    }
  }

  private void take(StoredModel model) {
    engine =
        Optional.of(
            usable(
                () ->
                    model.isEncoder()
                        ? new LoadedEncoder(model, engineSettings, embeddingSettings)
                        : new LoadedDecoder(model, engineSettings, batcherSettings)));
    stored = Optional.of(model);
  }

  /** The store refuses a file for what the file is, or because there is none. */
  private static ModelFailure.Code codeOf(ModelStoreException e, ModelFailure.Code otherwise) {
    Throwable cause = e.getCause();
    boolean unusable =
        cause instanceof GgufException
            || cause instanceof SafetensorsException
            || cause instanceof UnsupportedModelException
            || cause instanceof TokenizerException
            || cause instanceof ChatTemplateException;
    return unusable ? ModelFailure.Code.UNUSABLE : otherwise;
  }

  @Override
  public void fetch(Consumer<Progress> progress) {
    ProgressListener listener = new FetchProgress(order.spec(), progress);
    try {
      take(usable(() -> store.obtain(order.spec(), listener)));
    } catch (ModelStoreException e) {
      throw new ModelFailure(codeOf(e, ModelFailure.Code.NOT_FETCHED), e.getMessage(), e);
    }
  }

  @Override
  public ModelId id() {
    return stored.orElseThrow().manifest().id();
  }

  @Override
  public ModelKind kind() {
    return engine.orElseThrow().kind();
  }

  @Override
  public EngineMemory memory() {
    if (kind() == ModelKind.EMBEDDING
        && (order.kvMemoryBytes().isPresent() || order.slots().isPresent())) {
      throw new ModelFailure(
          ModelFailure.Code.BAD_SETTING,
          "the model '" + order.spec() + "' makes embeddings: it has no KV memory and no slots");
    }
    return usable(engine.orElseThrow()::memory);
  }

  @Override
  public void load(Consumer<Progress> progress) {
    ImportListener listener =
        (step, done, total) ->
            progress.accept(
                new Progress(
                    step == ImportListener.Step.CONVERT_MODEL ? "tensors" : "bytes", done, total));
    usable(
        () -> {
          engine.orElseThrow().load(listener);
          return engine;
        });
  }

  /** Turns what a bad model makes the engine and the text throw into what an operator reads. */
  private <T> T usable(Supplier<T> slow) {
    try {
      return slow.get();
    } catch (GgufException
        | SafetensorsException
        | UnsupportedModelException
        | TokenizerException
        | ChatTemplateException
        | UncheckedIOException e) {
      throw failure(ModelFailure.Code.UNUSABLE, e);
    } catch (IllegalArgumentException e) {
      throw failure(ModelFailure.Code.BAD_SETTING, e);
    } catch (EngineException e) {
      throw failure(ModelFailure.Code.ENGINE_FAILED, e);
    }
  }

  private ModelFailure failure(ModelFailure.Code code, RuntimeException e) {
    return new ModelFailure(
        code, "the model '" + order.spec() + "' cannot be used: " + e.getMessage(), e);
  }

  @Override
  public void warmUp(Duration limit) throws InterruptedException {
    if (!limit.isZero()) {
      int steps = engine.orElseThrow().warmUp(limit);
      log.info("Model {}: warmed up by {} works", id(), steps);
    }
  }

  /** What is known of the replica that was loaded first. */
  @Override
  public String description() {
    return engine.orElseThrow().description();
  }

  @Override
  public Behavior<Drain> worker(Openings openings) {
    return engine.orElseThrow().worker(openings);
  }

  @Override
  public Optional<Activity> activity() {
    return engine.flatMap(StoredEngine::activity);
  }

  @Override
  public void close() {
    engine.ifPresent(StoredEngine::close);
  }
}
