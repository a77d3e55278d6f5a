package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;

/**
 * Which model files this engine runs. It reads headers only, and needs neither DJL nor TensorFlow,
 * so that a model can be refused before anything is unpacked or imported.
 */
public final class DecoderSupport {
  private DecoderSupport() {}

  /**
   * Checks a file.
   *
   * @throws UnsupportedModelException when this engine does not run it, saying what it lacks
   * @throws GgufException when a key or tensor is missing or malformed
   */
  public static void check(GgufFile file) {
    read(file);
  }

  /** The shape of a file's model, checked against all of its tensors. */
  static DecoderConfig read(GgufFile file) {
    DecoderConfig config = DecoderConfig.read(file);
    DecoderWeights.transposed(config).check(file);
    return config;
  }
}
