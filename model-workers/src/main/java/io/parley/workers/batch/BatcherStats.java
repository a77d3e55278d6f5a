package io.parley.workers.batch;

/**
 * A batcher's figures at one moment.
 *
 * @param running sequences in slots
 * @param waiting sequences without one
 * @param freeBlocks KV blocks that nobody holds
 * @param blocks KV blocks in all
 * @param iterations forward passes since the start
 * @param preemptions sequences that lost their blocks since the start
 */
public record BatcherStats(
    int running, int waiting, int freeBlocks, int blocks, long iterations, long preemptions) {}
