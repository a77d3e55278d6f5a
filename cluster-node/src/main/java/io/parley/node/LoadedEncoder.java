package io.parley.node;

import akka.actor.typed.Behavior;
import io.parley.node.models.LoadableModel.Openings;
import io.parley.node.models.ModelKind;
import io.parley.node.models.ModelStatus.Activity;
import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.Drain;
import io.parley.workers.embedding.EmbeddingSettings;
import io.parley.workers.embedding.EmbeddingWorker;
import io.parley.workers.embedding.EncoderReplica;
import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.encoder.EncoderFiles;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEncoder;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelSupport;
import io.parley.workers.model.StoredModel;
import io.parley.workers.text.FileTokenizer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/** A model that makes embeddings. */
final class LoadedEncoder implements StoredEngine {
  private final StoredModel stored;
  private final EngineSettings engineSettings;
  private final EmbeddingSettings embeddingSettings;
  private final ModelInfo info;
  private final int vocabularySize;
  private final AtomicReference<EncoderReplica> first = new AtomicReference<>();

  /**
   * @throws io.parley.workers.model.ModelStoreException when its files are damaged or not for this
   *     engine
   */
  LoadedEncoder(StoredModel stored, EngineSettings engine, EmbeddingSettings embeddings) {
    this.stored = stored;
    this.engineSettings = engine;
    this.embeddingSettings = embeddings;
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
  }

  @Override
  public ModelKind kind() {
    return ModelKind.EMBEDDING;
  }

  @Override
  public EngineMemory memory() {
    return TensorFlowEncoder.memory(stored.file(), engineSettings, embeddingSettings.batchTokens());
  }

  @Override
  public void load(ImportListener listener) {
    first.set(open(listener));
  }

  @Override
  public String description() {
    return info.id()
        + ", "
        + first.get().encoder().spec().variant()
        + ", embeddings of "
        + info.dimensions();
  }

  @Override
  public int warmUp(Duration limit) {
    return first.get().warmUp(embeddingSettings.batchTokens(), limit);
  }

  @Override
  public Behavior<Drain> worker(Openings openings) {
    return EmbeddingWorker.create(info, () -> openings.open(this::openReplica)).narrow();
  }

  private EncoderReplica openReplica() {
    return Optional.ofNullable(first.getAndSet(null)).orElseGet(() -> open(ImportListener.NONE));
  }

  private EncoderReplica open(ImportListener listener) {
    FileTokenizer tokenizer =
        FileTokenizer.open(
            EncoderFiles.tokenizer(stored.file()), vocabularySize, engineSettings.cacheFolder());
    try {
      String sha256 = stored.manifest().sha256();
      return new EncoderReplica(
          info, TensorFlowEncoder.load(stored.file(), sha256, engineSettings, listener), tokenizer);
    } catch (RuntimeException e) {
      tokenizer.close();
      throw e;
    }
  }

  @Override
  public Optional<Activity> activity() {
    return Optional.empty();
  }

  @Override
  public void close() {
    Optional.ofNullable(first.getAndSet(null)).ifPresent(EncoderReplica::close);
  }
}
