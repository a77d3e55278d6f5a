package io.parley.routing.protocol;

/**
 * The end of an answer.
 *
 * @param tail text that was held back (it might have begun a stop string or a character) and
 *     belongs to the answer after all
 */
public record Finish(FinishReason reason, String tail) {}
