/**
 * The child process that runs one Cassandra node on loopback for a Parley node that has no external
 * cluster. It is started by {@code EmbeddedCassandra} in the persistence module and shares no class
 * path with it: Cassandra's libraries would clash with Akka's and the driver's.
 *
 * <p>All that survives a crash is under the data folder. The folder is held by a file lock, which
 * the operating system releases with the process, so that no stale file can block a start. This
 * package does not create the journal's tables and does not restart itself.
 */
package io.parley.cassandra;
