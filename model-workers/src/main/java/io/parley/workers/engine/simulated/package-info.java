/**
 * An engine without a model: it computes nothing, takes the time that it is told to, and gives
 * words. Batching, KV blocks, prefix cache and sampling around it are those of any engine, so what
 * a cluster does under load, and when engines fail, can be tried and measured without devices. A
 * node makes one for the model {@code simulated}. Nothing here survives a crash.
 */
package io.parley.workers.engine.simulated;
