package io.parley.workers.model;

import com.fasterxml.jackson.annotation.JsonIgnore;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.engine.WeightType;

/**
 * What the store knows of a model; {@code manifest.json} beside the model file.
 *
 * @param source where it came from, as {@link ModelSource#parse} reads it
 * @param sha256 of the model file; of an encoder, which has several, as {@link
 *     io.parley.workers.encoder.EncoderFiles#sha256} says
 * @param sizeBytes of the model file
 * @param weights how matrices are held in memory; null, as in manifests of older versions: bf16
 * @param contextLength the most positions the model was trained for
 * @param licence SPDX id where known, else what the file says, else "unknown"
 * @param chatTemplate "from file", or "built in" when the file has none
 * @param createdEpochSeconds when it was added to the store
 */
public record ModelManifest(
    String name,
    String version,
    String source,
    String sha256,
    long sizeBytes,
    WeightType weights,
    String architecture,
    int contextLength,
    String licence,
    String chatTemplate,
    long createdEpochSeconds) {
  private static final int VERSION_CHARS = 12;

  public ModelManifest {
    weights = weights == null ? WeightType.BF16 : weights;
  }

  @JsonIgnore
  public ModelId id() {
    return new ModelId(name, version);
  }

  /** Whether the version is the one that the file has by itself: then it names the file. */
  @JsonIgnore
  public boolean isVersionOfItsFile() {
    return version.equals(versionOf(sha256, weights));
  }

  /** The version that a file has by itself: the beginning of its SHA-256, and its weights. */
  static String versionOf(String sha256, WeightType weights) {
    return sha256.substring(0, VERSION_CHARS) + weights.suffix();
  }
}
