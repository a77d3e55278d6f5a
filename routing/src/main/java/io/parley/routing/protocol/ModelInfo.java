package io.parley.routing.protocol;

/**
 * What a worker says of the model it serves.
 *
 * @param contextLength the most tokens of prompt and answer together; of an encoder, of a text
 * @param createdEpochSeconds when the model was added to the store
 * @param licence SPDX id where known, else what the source says
 * @param dimensions numbers in an embedding; 0 of a model that answers messages
 */
public record ModelInfo(
    ModelId id,
    int contextLength,
    long createdEpochSeconds,
    String ownedBy,
    String licence,
    int dimensions)
    implements CborSerializable {
  /** A model that answers messages. */
  public ModelInfo(
      ModelId id, int contextLength, long createdEpochSeconds, String ownedBy, String licence) {
    this(id, contextLength, createdEpochSeconds, ownedBy, licence, 0);
  }

  /** Whether it makes embeddings, and answers no messages. */
  public boolean embeds() {
    return dimensions > 0;
  }
}
