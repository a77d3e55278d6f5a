/**
 * Everything about storing: where the journal is ({@link io.parley.persistence.JournalSettings}),
 * its tables ({@link io.parley.persistence.JournalSchema}), the configuration that Akka needs for
 * it ({@link io.parley.persistence.JournalConfig}), reading it back outside of an entity ({@link
 * io.parley.persistence.SessionEvents}), the list of turns that run ({@link
 * io.parley.persistence.RunningTurns}) and the lease on an external keyspace ({@link
 * io.parley.persistence.KeyspaceLease}).
 *
 * <p>The node calls the first three once at start, in this order, before its actor system exists.
 * Nothing here knows what an event means: payloads are opaque.
 */
package io.parley.persistence;
