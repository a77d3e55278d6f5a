/**
 * Bulk jobs through Kafka: a record of the requests' topic is a line of OpenAI's batch format, and
 * becomes a turn of a session of its own with bulk priority; its answer becomes a record of the
 * results' topic, and what can never be answered one of the dead letters.
 *
 * <p>{@link io.parley.node.bulk.BulkNode} is started and stopped by the node where it has the role
 * {@code bulk}; no class of Kafka is loaded elsewhere. Nothing here survives a crash but what Kafka
 * and the sessions' journals hold: a record that was taken and not committed is delivered again,
 * and finds its turn. It parses no request and runs no turn itself: that is {@code node.http}'s.
 */
package io.parley.node.bulk;
