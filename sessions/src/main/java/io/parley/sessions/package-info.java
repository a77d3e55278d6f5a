/**
 * The session entity: an Akka adapter around the pure {@code domain}, its sharding and its events.
 *
 * <p>The HTTP edge calls it through {@link io.parley.sessions.SessionCommand}; workers through
 * {@code routing.protocol}. The journal is hard state; timers, waiting readers and the worker that
 * runs an attempt are soft and made again by recovery. It never sees an engine.
 */
package io.parley.sessions;
