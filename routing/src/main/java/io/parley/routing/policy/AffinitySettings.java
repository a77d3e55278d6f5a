package io.parley.routing.policy;

import java.time.Duration;

/**
 * {@code parley.routing.affinity}; the keys are explained in {@code reference.conf}.
 *
 * @param waitMax the longest that a work waits for a certain worker while others ask for one
 * @param loadGap by how much the share of taken slots of a worker that holds a conversation may be
 *     above that of the least busy one
 * @param prefillTokensPerSecond of a worker that has not measured it yet
 * @param prefixesMax beginnings of conversations that are remembered for a model
 */
public record AffinitySettings(
    Duration waitMax, double loadGap, int prefillTokensPerSecond, int prefixesMax) {}
