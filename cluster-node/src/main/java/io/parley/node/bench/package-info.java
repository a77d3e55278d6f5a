/**
 * Measurements: a load generator for any server that speaks OpenAI's streamed chat completions, so
 * that Parley and its peers are measured by the same tool; the same conversations played to an
 * engine of this process; and the engine alone.
 *
 * <p>Called by {@code parley bench} and its subcommands. It keeps nothing, and the load generator
 * knows nothing of Parley but the URL.
 */
package io.parley.node.bench;
