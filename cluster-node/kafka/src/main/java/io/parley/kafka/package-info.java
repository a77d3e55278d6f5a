/**
 * The child process that runs one Kafka broker on loopback for a Parley node that has no external
 * one. It is started by {@code EmbeddedKafka} in the node and shares no class path with it.
 *
 * <p>All that survives a crash is under the data folder, which is held by a file lock. This package
 * creates no topics, and does not restart itself.
 */
package io.parley.kafka;
