package io.parley.workers.model;

import io.parley.workers.encoder.EncoderFiles;
import java.nio.file.Path;

/**
 * A model that is ready to be loaded.
 *
 * @param file a GGUF file, or an encoder's weights with its other files beside them
 */
public record StoredModel(ModelManifest manifest, Path file) {
  /** Whether it makes embeddings instead of answers. */
  public boolean isEncoder() {
    return EncoderFiles.isWeights(file.getFileName().toString());
  }
}
