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
import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.Drain;
import io.parley.workers.ModelWorker;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.Replica;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;
import io.parley.workers.text.TokenizerException;
import io.parley.workers.upstream.UpstreamException;
import io.parley.workers.upstream.UpstreamReplica;
import io.parley.workers.upstream.UpstreamSettings;
import io.parley.workers.upstream.UpstreamSpec;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * A model that a server on this host runs. Its file gives vocabulary and chat template; the first
 * replica is made before there is a worker, so that a server that is not there ends the start, or
 * the load, with one clear line.
 */
final class UpstreamModel implements LoadableModel {
  /** Tells its versions from those that Parley's own engine runs: the two give other tokens. */
  private static final String VERSION_SUFFIX = "-upstream";

  private final UpstreamSpec spec;
  private final UpstreamSettings settings;
  private final EngineSettings engineSettings;
  private final int promptThreads;
  private final ModelStore store;
  private final AtomicReference<UpstreamReplica> first = new AtomicReference<>();

  /** Made once, not each time that a server which is away is tried again. */
  private volatile Optional<UpstreamReplica.Text> text = Optional.empty();

  private volatile Optional<StoredModel> stored = Optional.empty();
  private volatile Optional<UpstreamReplica> newest = Optional.empty();

  /**
   * @param order its spec names an upstream
   * @throws IllegalArgumentException when its settings are not allowed
   */
  UpstreamModel(ModelOrder order, Config config) {
    spec = UpstreamSpec.parse(order.spec());
    order.requireNoDevice();
    if (order.kvMemoryBytes().isPresent()) {
      throw new IllegalArgumentException(
          "a model of an upstream has no kv-memory here; the server has it");
    }
    UpstreamSettings common = UpstreamSettings.from(config);
    settings = order.slots().map(common::withSlots).orElse(common);
    engineSettings = EngineSettings.from(config);
    promptThreads = BatcherSettings.from(config).promptThreads();
    store = ModelStore.in(engineSettings.cacheFolder());
  }

  @Override
  public String engine() {
    return "upstream";
  }

  @Override
  public String device() {
    return "server";
  }

  @Override
  public boolean find() {
    try {
      stored = store.lookUpText(spec.model());
      return stored.isPresent();
    } catch (ModelStoreException e) {
      throw new ModelFailure(ModelFailure.Code.NOT_FOUND, e.getMessage(), e);
    }
  }

  @Override
  public void fetch(Consumer<Progress> progress) {
    ProgressListener listener = new FetchProgress(spec.model(), progress);
    try {
      stored = Optional.of(store.obtain(spec.model(), listener));
    } catch (ModelStoreException e) {
      throw new ModelFailure(ModelFailure.Code.NOT_FETCHED, e.getMessage(), e);
    }
  }

  @Override
  public ModelId id() {
    ModelId own = manifest().id();
    return new ModelId(own.name(), own.version() + VERSION_SUFFIX);
  }

  private ModelManifest manifest() {
    return stored.orElseThrow().manifest();
  }

  @Override
  public ModelKind kind() {
    return ModelKind.CHAT;
  }

  /** Text tables alone, on the heap. */
  @Override
  public EngineMemory memory() {
    return new EngineMemory(0, 0, 0);
  }

  @Override
  public void load(Consumer<Progress> progress) {
    if (stored.orElseThrow().isEncoder()) {
      throw new ModelFailure(ModelFailure.Code.UNUSABLE, "an upstream cannot run an encoder");
    }
    first.set(open());
  }

  private UpstreamReplica open() {
    try {
      UpstreamReplica replica = openAtServer();
      newest = Optional.of(replica);
      return replica;
    } catch (GgufException | TokenizerException | ChatTemplateException | UncheckedIOException e) {
      throw new ModelFailure(
          ModelFailure.Code.UNUSABLE,
          "the model '" + spec.model() + "' cannot be used: " + e.getMessage(),
          e);
    } catch (UpstreamException e) {
      throw new ModelFailure(ModelFailure.Code.ENGINE_FAILED, e.getMessage(), e);
    }
  }

  /** The server was asked for a few tokens when the replica was made. */
  @Override
  public void warmUp(Duration limit) {}

  @Override
  public String description() {
    UpstreamReplica replica = first.get();
    return id()
        + ", "
        + replica.variant()
        + " at "
        + spec.server()
        + ", "
        + replica.slots()
        + " slots";
  }

  @Override
  public Behavior<Drain> worker(Openings openings) {
    return ModelWorker.create(() -> openings.open(this::openReplica)).narrow();
  }

  private Replica openReplica() {
    return Optional.ofNullable(first.getAndSet(null)).orElseGet(this::open);
  }

  private UpstreamReplica openAtServer() {
    ModelManifest manifest = manifest();
    ModelInfo info =
        new ModelInfo(
            id(),
            manifest.contextLength(),
            manifest.createdEpochSeconds(),
            "upstream",
            manifest.licence());
    return UpstreamReplica.open(info, spec, text(), settings);
  }

  private UpstreamReplica.Text text() {
    if (text.isEmpty()) {
      try (GgufFile gguf = GgufFile.open(stored.orElseThrow().file())) {
        text =
            Optional.of(
                new UpstreamReplica.Text(
                    GgufTokenizer.of(gguf.metadata(), engineSettings.cacheFolder()),
                    JinjaChatTemplate.of(gguf.metadata()),
                    promptThreads));
      }
    }
    return text.get();
  }

  @Override
  public Optional<Activity> activity() {
    return newest.map(
        replica -> new Activity(replica.slots(), replica.running(), replica.waiting(), 0, 0));
  }

  /** Lets go of what no worker took over. */
  @Override
  public void close() {
    newest = Optional.empty();
    Optional.ofNullable(first.getAndSet(null)).ifPresent(Replica::close);
  }
}
