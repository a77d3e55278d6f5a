/**
 * How a work finds a worker: a dispatcher on each session node with bounded, prioritised queues,
 * one back-pressured stream of works for each worker, and the directory of what is served where.
 *
 * <p>Sessions call {@link io.parley.routing.Dispatchers}, workers find the dispatchers by the
 * receptionist, edges read the worker directory. Nothing here survives a crash: queues die with the
 * sessions that filled them, and recovered sessions submit again. It never sees a session's journal
 * or an engine.
 */
package io.parley.routing;
