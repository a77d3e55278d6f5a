/**
 * What a worker actor drives: one model on one device. The replica over an own engine batches
 * iterations; others may drive a server on the same host. Nothing here survives a crash: a session
 * that misses its tokens starts another attempt.
 */
package io.parley.workers.replica;
