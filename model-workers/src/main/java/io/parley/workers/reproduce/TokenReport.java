package io.parley.workers.reproduce;

import io.parley.routing.protocol.AttemptId;

/**
 * One token, computed again.
 *
 * @param index in the turn's answer, from 0
 * @param recorded its id
 * @param drawn the id that is drawn here; one that ends answers means that it would have ended
 * @param exact whether these and all that is recorded of it are the same
 * @param logProb of the recorded token, computed here
 */
public record TokenReport(
    AttemptId attempt, int index, int recorded, int drawn, boolean exact, float logProb) {}
