/**
 * What the operators of a cluster see and do of all its nodes, from any one of them: members,
 * shards, workers; to drain a node, to let it leave, to give it up.
 *
 * <p>Called by the management listener. All state is soft and read anew for each question; each
 * node answers for itself through its agent. It decides nothing about where sessions or works go.
 */
package io.parley.node.cluster;
