/**
 * The engine on TensorFlow, run by DJL: unpacks the native libraries, turns the GGUF file of a
 * decoder ({@link io.parley.workers.engine.tensorflow.Architecture}) into a SavedModel in the
 * cache, loads it and steps it. The only package, besides the tokenizer's, that sees DJL, and the
 * only one that sees TensorFlow. The cache survives a crash and is safe to delete; it never holds
 * half a model. It does no batching, sampling or text.
 */
package io.parley.workers.engine.tensorflow;
