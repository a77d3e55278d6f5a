package io.parley.node.bench;

import java.util.List;
import java.util.Optional;

/**
 * What was seen of one turn.
 *
 * @param turn from 0; later ones are follow-ups, whose prefix a server may hold in its cache
 * @param firstTokenNanos from sending the request to the first text
 * @param gapsNanos between two pieces of text
 * @param totalNanos from sending the request to the end
 * @param tokens completion tokens, as the server counts them
 * @param error present when the turn failed; the other figures are then partial
 */
record TurnSample(
    int turn,
    long firstTokenNanos,
    List<Long> gapsNanos,
    long totalNanos,
    int tokens,
    Optional<String> error) {}
