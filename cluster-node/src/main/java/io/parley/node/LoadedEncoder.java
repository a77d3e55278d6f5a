package io.parley.node;

import akka.actor.typed.Behavior;
import com.typesafe.config.Config;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.workers.embedding.EmbeddingWorker;
import io.parley.workers.embedding.EncoderReplica;
import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.encoder.EncoderFiles;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.tensorflow.TensorFlowEncoder;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ModelSupport;
import io.parley.workers.model.StoredModel;
import io.parley.workers.safetensors.SafetensorsException;
import io.parley.workers.text.FileTokenizer;
import io.parley.workers.text.TokenizerException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/**
 * An encoder of the store, loaded on this node while it starts, as {@link LoadedModel} is for
 * models that answer.
 */
final class LoadedEncoder implements AutoCloseable {
  private final String spec;
  private final StoredModel stored;
  private final EngineSettings settings;
  private final AtomicReference<EncoderReplica> first = new AtomicReference<>();
  private final ModelInfo info;
  private final int vocabularySize;

  /**
   * @throws StartupException when its files are damaged or not for this engine
   */
  LoadedEncoder(String spec, StoredModel stored, Config config) {
    this.spec = spec;
    this.stored = stored;
    this.settings = EngineSettings.from(config);
    try {
      EncoderConfig encoder = ModelSupport.checkEncoder(stored.file());
      ModelManifest manifest = stored.manifest();
      this.vocabularySize = encoder.vocabularySize();
      this.info =
          new ModelInfo(
              manifest.id(),
              encoder.contextLength(),
              manifest.createdEpochSeconds(),
              "parley",
              manifest.licence(),
              encoder.hidden());
    } catch (ModelStoreException e) {
      throw unusable(e);
    }
  }

  /** What the cluster is told of it. */
  ModelInfo info() {
    return info;
  }

  /**
   * Loads it for the first time.
   *
   * @throws StartupException when the model is damaged or not for this engine
   */
  void load(StartupReporter reporter) {
    try {
      StartupReporter.Step step = reporter.begin("engine");
      EncoderReplica replica = open((part, done, total) -> step.progress(done, total));
      first.set(replica);
      step.done(
          info.id()
              + ", "
              + replica.encoder().spec().variant()
              + ", embeddings of "
              + info.dimensions());
    } catch (SafetensorsException
        | UnsupportedModelException
        | TokenizerException
        | UncheckedIOException
        | EngineException e) {
      throw unusable(e);
    }
  }

  private StartupException unusable(RuntimeException e) {
    return new StartupException("the model '" + spec + "' cannot be used: " + e.getMessage(), e);
  }

  /** A name that is allowed in an actor's path. */
  String actorName() {
    return info.id().toString().replace('@', '-');
  }

  /** The actor that serves it; it takes over what was loaded. */
  Behavior<WorkerMessage> worker() {
    return EmbeddingWorker.create(
        info,
        () ->
            Optional.ofNullable(first.getAndSet(null)).orElseGet(() -> open(ImportListener.NONE)));
  }

  private EncoderReplica open(ImportListener listener) {
    FileTokenizer tokenizer =
        FileTokenizer.open(
            EncoderFiles.tokenizer(stored.file()), vocabularySize, settings.cacheFolder());
    try {
      String sha256 = stored.manifest().sha256();
      return new EncoderReplica(
          info, TensorFlowEncoder.load(stored.file(), sha256, settings, listener), tokenizer);
    } catch (RuntimeException e) {
      tokenizer.close();
      throw e;
    }
  }

  /** Frees what no worker took over. */
  @Override
  public void close() {
    Optional.ofNullable(first.getAndSet(null)).ifPresent(EncoderReplica::close);
  }
}
