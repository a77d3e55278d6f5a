/**
 * The contract between sessions, dispatchers and workers: the messages they exchange and the values
 * inside them.
 *
 * <p>Everything here is an immutable record that travels as CBOR. Nothing here survives a crash by
 * itself: what must survive is journaled by the session. No behaviour lives here, and nothing here
 * knows an engine, a journal or HTTP.
 */
package io.parley.routing.protocol;
