/**
 * How a work finds a worker: a dispatcher on each session node with bounded, prioritised queues,
 * one back-pressured stream of works for each worker, and the directory of what is served where.
 * And how texts find an encoder: a dispatcher on each edge, whose queues encoders' workers pull
 * from.
 *
 * <p>Sessions call {@link io.parley.routing.Dispatchers}, edges {@link
 * io.parley.routing.EmbeddingDispatcher} and the worker directory; workers find the dispatchers by
 * the receptionist. Nothing here survives a crash: queues die with who filled them, and recovered
 * sessions submit again. It never sees a session's journal or an engine.
 */
package io.parley.routing;
