package io.parley.workers.batch;

/**
 * A batcher's figures at one moment.
 *
 * @param running sequences in slots
 * @param waiting sequences without one
 * @param freeBlocks KV blocks that nobody holds
 * @param cachedBlocks of these, the ones with a prefix that can be found
 * @param blocks KV blocks in all
 * @param iterations forward passes since the start
 * @param preemptions sequences that lost their blocks since the start
 * @param cachedTokens tokens that were found in the prefix cache, and not computed, since the start
 * @param draftedTokens tokens that were guessed and fed beside the drawn ones, since the start
 * @param acceptedTokens of these, the ones that were drawn, too, since the start
 */
public record BatcherStats(
    int running,
    int waiting,
    int freeBlocks,
    int cachedBlocks,
    int blocks,
    long iterations,
    long preemptions,
    long cachedTokens,
    long draftedTokens,
    long acceptedTokens) {}
