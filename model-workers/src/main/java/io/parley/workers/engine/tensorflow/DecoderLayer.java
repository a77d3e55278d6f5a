package io.parley.workers.engine.tensorflow;

/**
 * What one layer of a decoder is made of, besides what all have: a norm, attention and its product,
 * another norm and a gated feed-forward part, each part added to the stream.
 *
 * @param qkvBias whether queries, keys and values have biases
 * @param headNorms whether each head's query and key is normalised before it is turned
 * @param postNorms whether what each part gives is normalised before it is added
 * @param gate of the feed-forward part
 * @param window positions that a token sees, with its own; 0: all
 * @param rotation how queries and keys are turned; layers that share it share the object
 */
record DecoderLayer(
    boolean qkvBias,
    boolean headNorms,
    boolean postNorms,
    Gate gate,
    int window,
    RotaryFrequencies rotation) {}
