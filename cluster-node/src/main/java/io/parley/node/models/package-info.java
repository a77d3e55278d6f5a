/**
 * The models of this node: loading, serving and unloading them while the node runs, and whether
 * there is memory for one more.
 *
 * <p>{@code Node} starts {@link io.parley.node.models.NodeModels} with the models of the
 * configuration; the management listener asks it. Nothing here survives a crash: a node that starts
 * again serves what its configuration says. It reads no model file and knows no engine; that is
 * behind {@link io.parley.node.models.LoadableModel}.
 */
package io.parley.node.models;
