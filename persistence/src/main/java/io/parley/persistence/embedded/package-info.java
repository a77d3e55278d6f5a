/**
 * The Cassandra of a node that has no external cluster: a child process on loopback, started,
 * watched and stopped by {@link io.parley.persistence.embedded.EmbeddedCassandra}. No class of
 * Cassandra is on this class path.
 *
 * <p>The child ends when this process ends, however that happens, because its standard input does.
 * What survives a crash is in the data folder; the child's lock on it keeps two nodes apart. How a
 * child is kept alive ({@link io.parley.persistence.embedded.SupervisedChild}) is no matter of
 * Cassandra's: the node's embedded broker is one, too.
 */
package io.parley.persistence.embedded;
