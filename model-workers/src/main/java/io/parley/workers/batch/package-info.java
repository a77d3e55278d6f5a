/**
 * Iteration-level batching over a paged KV cache: which sequences run, which tokens the next
 * forward pass computes, and what becomes of its logits. Called by the replica's engine thread; has
 * no threads, clock or I/O of its own, so a run is a pure function of its calls. Nothing here
 * survives a crash.
 */
package io.parley.workers.batch;
