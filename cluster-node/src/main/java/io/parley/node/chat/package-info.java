/**
 * A client of a running node for the terminal: streams answers, keeps sessions, and goes on from
 * the last event it saw when a connection or a node is lost.
 *
 * <p>Called by {@code parley chat}. The list of sessions is a small file in the user's state
 * folder; the conversations themselves are the node's. It speaks plain HTTP, as any other client
 * would.
 */
package io.parley.node.chat;
