package io.parley.node;

import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;

/** Makes a replica of a model in the store: tokenizer, chat template and engine of its file. */
public final class StoredReplica {
  private StoredReplica() {}

  /** Throws what engine and text throw; nothing stays open then. */
  public static EngineReplica open(
      StoredModel stored, EngineSettings engine, BatcherSettings batcher, ImportListener listener) {
    StoredText text = StoredText.of(stored, engine);
    TensorFlowEngine loaded =
        TensorFlowEngine.load(
            stored.file(),
            stored.manifest().sha256(),
            stored.manifest().weights(),
            engine,
            listener);
    try {
      return new EngineReplica(text.info(), loaded, text.tokenizer(), text.template(), batcher);
    } catch (RuntimeException e) {
      loaded.close();
      throw e;
    }
  }
}
