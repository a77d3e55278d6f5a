/**
 * The chaos bench, {@code parley chaos}: a cluster of real processes under load, faults that are
 * drawn from a seed, a history of what clients saw, and a checker that compares it with the
 * journal.
 *
 * <p>{@link io.parley.node.chaos.NodeProcess} and {@link io.parley.node.chaos.NodeCluster} are also
 * what the integration tests start nodes with. Nothing here runs inside a node.
 */
package io.parley.node.chaos;
