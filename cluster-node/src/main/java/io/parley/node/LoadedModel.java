package io.parley.node;

import com.typesafe.config.Config;
import io.parley.node.models.LoadableModel;
import io.parley.node.models.ModelFailure;
import io.parley.node.models.ModelOrder;
import io.parley.node.models.ModelStatus.Activity;
import io.parley.node.models.ModelStatus.Progress;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.batch.BatcherStats;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ModelSupport;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.Replica;
import io.parley.workers.replica.WarmUp;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;
import io.parley.workers.text.TokenizerException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model of the store, loaded on this node. The first replica is made before there is a worker, so
 * that a bad file ends the start, or the load, with one clear line; a worker whose replica broke
 * asks for another.
 */
final class LoadedModel implements LoadableModel {
  private static final Logger log = LoggerFactory.getLogger(LoadedModel.class);

  private final ModelOrder order;
  private final ModelStore store;
  private final EngineSettings engineSettings;
  private final BatcherSettings batcherSettings;
  private final AtomicReference<Replica> first = new AtomicReference<>();
  private volatile Optional<StoredModel> stored = Optional.empty();
  private volatile Optional<EngineReplica> newest = Optional.empty();

  /**
   * @throws IllegalArgumentException when the order's settings are not allowed
   */
  LoadedModel(ModelOrder order, Config config) {
    this.order = order;
    EngineSettings engine = EngineSettings.from(config);
    BatcherSettings batcher = BatcherSettings.from(config);
    this.store = ModelStore.in(engine.cacheFolder());
    this.engineSettings = order.kvMemoryBytes().map(engine::withKvMemory).orElse(engine);
    this.batcherSettings = order.slots().map(batcher::withSlots).orElse(batcher);
  }

  @Override
  public String engine() {
    return "tensorflow";
  }

  @Override
  public boolean find() {
    try {
      stored = usable(() -> store.lookUp(order.spec()));
      return stored.isPresent();
    } catch (ModelStoreException e) {
      throw new ModelFailure(codeOf(e, ModelFailure.Code.NOT_FOUND), e.getMessage(), e);
    }
  }

  /** The store refuses a file for what the file is, or because there is none. */
  private static ModelFailure.Code codeOf(ModelStoreException e, ModelFailure.Code otherwise) {
    Throwable cause = e.getCause();
    boolean unusable =
        cause instanceof GgufException
            || cause instanceof UnsupportedModelException
            || cause instanceof TokenizerException
            || cause instanceof ChatTemplateException;
    return unusable ? ModelFailure.Code.UNUSABLE : otherwise;
  }

  @Override
  public void fetch(Consumer<Progress> progress) {
    ProgressListener listener =
        new ProgressListener() {
          @Override
          public void step(String what) {
            log.info("Model {}: {}", order.spec(), what);
          }

          @Override
          public void bytes(long done, long total) {
            progress.accept(new Progress("bytes", done, total));
          }
        };
    try {
      stored = Optional.of(usable(() -> store.obtain(order.spec(), listener)));
    } catch (ModelStoreException e) {
      throw new ModelFailure(codeOf(e, ModelFailure.Code.NOT_FETCHED), e.getMessage(), e);
    }
  }

  /** The encoder that the order turned out to name; empty: it names a model that answers. */
  Optional<LoadedEncoder> encoder(Config config) {
    return stored
        .filter(StoredModel::isEncoder)
        .map(model -> usable(() -> new LoadedEncoder(order.spec(), model, config)));
  }

  @Override
  public ModelId id() {
    return manifest().id();
  }

  private ModelManifest manifest() {
    return stored.orElseThrow().manifest();
  }

  @Override
  public EngineMemory memory() {
    if (stored.orElseThrow().isEncoder()) {
      throw new ModelFailure(
          ModelFailure.Code.UNUSABLE,
          "the model '"
              + order.spec()
              + "' is an encoder; name it in parley.node.models and start the node again");
    }
    return usable(
        () ->
            TensorFlowEngine.memory(
                stored.orElseThrow().file(),
                manifest().weights(),
                engineSettings,
                batcherSettings.slots()));
  }

  @Override
  public void load(Consumer<Progress> progress) {
    first.set(
        usable(
            () ->
                open(
                    (step, done, total) ->
                        progress.accept(
                            new Progress(
                                step == ImportListener.Step.CONVERT_MODEL ? "tensors" : "bytes",
                                done,
                                total)))));
  }

  /** Turns what a bad model makes the engine and the text throw into what an operator reads. */
  private <T> T usable(Supplier<T> slow) {
    try {
      return slow.get();
    } catch (GgufException
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
      int works = WarmUp.run(first.get(), limit);
      log.info("Model {}: {} works warmed it up", id(), works);
    }
  }

  /** What is known of the replica that was loaded first. */
  @Override
  public String description() {
    Replica replica = first.get();
    return id() + ", " + replica.variant() + ", " + replica.slots() + " slots";
  }

  @Override
  public Replica openReplica() {
    return Optional.ofNullable(first.getAndSet(null)).orElseGet(() -> open(ImportListener.NONE));
  }

  private Replica open(ImportListener listener) {
    ModelManifest manifest = manifest();
    StoredModel model = stored.orElseThrow();
    GgufTokenizer tokenizer;
    JinjaChatTemplate template;
    try (GgufFile gguf = GgufFile.open(model.file())) {
      ModelSupport.check(gguf);
      tokenizer = GgufTokenizer.of(gguf.metadata(), engineSettings.cacheFolder());
      template = JinjaChatTemplate.of(gguf.metadata());
    }
    TensorFlowEngine engine =
        TensorFlowEngine.load(
            model.file(), manifest.sha256(), manifest.weights(), engineSettings, listener);
    ModelInfo info =
        new ModelInfo(
            manifest.id(),
            manifest.contextLength(),
            manifest.createdEpochSeconds(),
            "parley",
            manifest.licence());
    EngineReplica replica;
    try {
      replica = new EngineReplica(info, engine, tokenizer, template, batcherSettings);
    } catch (RuntimeException e) {
      engine.close();
      throw e;
    }
    newest = Optional.of(replica);
    return replica;
  }

  @Override
  public Optional<Activity> activity() {
    return newest.map(LoadedModel::activityOf);
  }

  static Activity activityOf(EngineReplica replica) {
    BatcherStats stats = replica.stats();
    return new Activity(
        replica.slots(), stats.running(), stats.waiting(), stats.blocks(), stats.freeBlocks());
  }

  /** Frees what no worker took over, and lets go of what one has closed. */
  @Override
  public void close() {
    newest = Optional.empty();
    Optional.ofNullable(first.getAndSet(null)).ifPresent(Replica::close);
  }
}
