package io.parley.node;

import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelSupport;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;

/** Makes a replica of a model in the store: tokenizer, chat template and engine of its file. */
public final class StoredReplica {
  private StoredReplica() {}

  /** Throws what engine and text throw; nothing stays open then. */
  public static EngineReplica open(
      StoredModel stored, EngineSettings engine, BatcherSettings batcher, ImportListener listener) {
    ModelManifest manifest = stored.manifest();
    GgufTokenizer tokenizer;
    JinjaChatTemplate template;
    try (GgufFile gguf = GgufFile.open(stored.file())) {
      ModelSupport.check(gguf);
      tokenizer = GgufTokenizer.of(gguf.metadata(), engine.cacheFolder());
      template = JinjaChatTemplate.of(gguf.metadata());
    }
    TensorFlowEngine loaded =
        TensorFlowEngine.load(
            stored.file(), manifest.sha256(), manifest.weights(), engine, listener);
    ModelInfo info =
        new ModelInfo(
            manifest.id(),
            manifest.contextLength(),
            manifest.createdEpochSeconds(),
            "parley",
            manifest.licence());
    try {
      return new EngineReplica(info, loaded, tokenizer, template, batcher);
    } catch (RuntimeException e) {
      loaded.close();
      throw e;
    }
  }
}
