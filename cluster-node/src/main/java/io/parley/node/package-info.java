/**
 * The process: reads the configuration, starts what its roles ask for in order, and stops it in the
 * reverse order.
 *
 * <p>Called by the command line. All state here is soft; what survives a crash lives in the journal
 * and in the model store. It decides nothing about sessions, routing or models.
 */
package io.parley.node;
