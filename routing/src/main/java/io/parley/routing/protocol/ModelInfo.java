package io.parley.routing.protocol;

/**
 * What a worker says of the model it serves.
 *
 * @param contextLength the most tokens of prompt and answer together
 * @param createdEpochSeconds when the model was added to the store
 * @param licence SPDX id where known, else what the source says
 */
public record ModelInfo(
    ModelId id, int contextLength, long createdEpochSeconds, String ownedBy, String licence)
    implements CborSerializable {}
