/**
 * The worker: the actor that owns one model replica, pulls works from the dispatchers when it has a
 * free slot, and takes the tokens to the sessions until they say that they have journaled them.
 *
 * <p>cluster-node starts {@link io.parley.workers.ModelWorker}. Nothing here survives a crash: the
 * sessions start other attempts. It does no batching and knows no engine; that is behind {@code
 * replica}.
 */
package io.parley.workers;
