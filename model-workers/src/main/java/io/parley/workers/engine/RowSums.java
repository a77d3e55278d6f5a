package io.parley.workers.engine;

import java.nio.DoubleBuffer;

/**
 * What an engine knows of rows of logits: the greatest logit of each, and sums of the weights
 * exp((logit - greatest) * scale) over each {@value #BLOCK} tokens, in the order of ids. The sums
 * have the very bits that {@code sampling.Weights} would give them, so it never counts who computed
 * them.
 *
 * @param rows of the logits, ascending
 * @param scales of each
 * @param values row-major {@code [rows, 1 + blocks of the vocabulary]}: the greatest logit, NaN
 *     where one is NaN, then the sums
 */
@SuppressWarnings("ArrayRecordComponent") // as they went in; never compared
public record RowSums(int[] rows, double[] scales, DoubleBuffer values) {
  public static final int BLOCK = 64;
}
