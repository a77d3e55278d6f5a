package io.parley.node;

import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelSupport;
import io.parley.workers.model.StoredModel;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;

/** What a model of the store says of itself: tokenizer and chat template of its file, its name. */
public record StoredText(GgufTokenizer tokenizer, JinjaChatTemplate template, ModelInfo info) {
  /** Reads them. Throws what the parts throw; nothing stays open. */
  public static StoredText of(StoredModel stored, EngineSettings settings) {
    ModelManifest manifest = stored.manifest();
    ModelInfo info =
        new ModelInfo(
            manifest.id(),
            manifest.contextLength(),
            manifest.createdEpochSeconds(),
            "parley",
            manifest.licence());
    try (GgufFile gguf = GgufFile.open(stored.file())) {
      ModelSupport.check(gguf);
      return new StoredText(
          GgufTokenizer.of(gguf.metadata(), settings.cacheFolder()),
          JinjaChatTemplate.of(gguf.metadata()),
          info);
    }
  }
}
