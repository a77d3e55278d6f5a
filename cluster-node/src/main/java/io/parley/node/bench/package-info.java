/**
 * A load generator for any server that speaks OpenAI's streamed chat completions, so that Parley
 * and its peers are measured by the same tool.
 *
 * <p>Called by {@code parley bench}. It keeps nothing, and knows nothing of Parley but the URL.
 */
package io.parley.node.bench;
