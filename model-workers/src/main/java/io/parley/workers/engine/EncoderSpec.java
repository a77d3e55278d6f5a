package io.parley.workers.engine;

/**
 * What an encoder offers.
 *
 * @param vocabularySize token ids are below it
 * @param contextLength the most tokens of a text
 * @param dimensions numbers in an embedding
 * @param variant names the arithmetic: same variant, same weights, same bits
 */
public record EncoderSpec(int vocabularySize, int contextLength, int dimensions, String variant) {}
