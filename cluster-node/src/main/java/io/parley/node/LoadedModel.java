package io.parley.node;

import akka.actor.typed.Behavior;
import com.typesafe.config.Config;
import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.ModelWorker;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelSupport;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.Replica;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;
import io.parley.workers.text.TokenizerException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A model of the store, loaded on this node. The first replica is made while the node starts, so
 * that a bad file stops the start with one clear line; a worker whose replica broke asks for
 * another.
 */
final class LoadedModel implements ServedModel {
  private final String spec;
  private final StoredModel stored;
  private final EngineSettings engineSettings;
  private final BatcherSettings batcherSettings;
  private final AtomicReference<Replica> first = new AtomicReference<>();

  LoadedModel(String spec, StoredModel stored, Config config) {
    this.spec = spec;
    this.stored = stored;
    this.engineSettings = EngineSettings.from(config);
    this.batcherSettings = BatcherSettings.from(config);
  }

  @Override
  public void load(StartupReporter reporter) {
    try {
      StartupReporter.Step step = reporter.begin("engine");
      Replica replica = open((part, done, total) -> step.progress(done, total));
      first.set(replica);
      step.done(info().id() + ", " + replica.variant() + ", " + replica.slots() + " slots");
    } catch (GgufException
        | UnsupportedModelException
        | TokenizerException
        | ChatTemplateException
        | UncheckedIOException
        | EngineException e) {
      throw unusable(spec, e);
    }
  }

  private static StartupException unusable(String spec, RuntimeException e) {
    return new StartupException("the model '" + spec + "' cannot be used: " + e.getMessage(), e);
  }

  @Override
  public ModelInfo info() {
    ModelManifest manifest = stored.manifest();
    return new ModelInfo(
        manifest.id(),
        manifest.contextLength(),
        manifest.createdEpochSeconds(),
        "parley",
        manifest.licence());
  }

  @Override
  public Behavior<?> worker() {
    return ModelWorker.create(this::openReplica);
  }

  /** A replica for the worker to drive: the one loaded at the start, later a new one. */
  private Replica openReplica() {
    return Optional.ofNullable(first.getAndSet(null)).orElseGet(() -> open(ImportListener.NONE));
  }

  private Replica open(ImportListener listener) {
    ModelManifest manifest = stored.manifest();
    GgufTokenizer tokenizer;
    JinjaChatTemplate template;
    try (GgufFile gguf = GgufFile.open(stored.file())) {
      ModelSupport.check(gguf);
      tokenizer = GgufTokenizer.of(gguf.metadata(), engineSettings.cacheFolder());
      template = JinjaChatTemplate.of(gguf.metadata());
    }
    TensorFlowEngine engine =
        TensorFlowEngine.load(stored.file(), manifest.sha256(), engineSettings, listener);
    return new EngineReplica(info(), engine, tokenizer, template, batcherSettings);
  }

  @Override
  public void close() {
    Optional.ofNullable(first.getAndSet(null)).ifPresent(Replica::close);
  }
}
