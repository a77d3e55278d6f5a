/**
 * The command line {@code parley}, for users and operators: starts a node, talks to a running one,
 * keeps the model store, measures.
 *
 * <p>Called by {@code Main} alone. It keeps no state between two commands but a few settings of the
 * chat in the user's folder. Each problem is one line on standard error and an exit code; a stack
 * trace is a bug.
 */
package io.parley.node.cli;
