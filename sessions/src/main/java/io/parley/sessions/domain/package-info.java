/**
 * The session as a pure value: what it decides and what its events make of it.
 *
 * <p>{@code Session.decide} turns an action and the time into a {@code Decision}; {@code
 * Session.apply} turns an event into the next state, live and in recovery alike. No actor, clock,
 * randomness or I/O lives here; the entity in {@code io.parley.sessions} brings those. Everything
 * is immutable, and all of it is rebuilt from the journal.
 */
package io.parley.sessions.domain;
