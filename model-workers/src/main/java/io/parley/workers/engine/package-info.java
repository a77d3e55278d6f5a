/**
 * The forward pass behind a narrow interface; implementations live in sub-packages, and only {@code
 * engine.tensorflow} sees DJL and TensorFlow. Called by the batcher's thread. Nothing here survives
 * a crash; it does no batching, sampling or text.
 */
package io.parley.workers.engine;
