package io.parley.workers.engine;

/**
 * A ragged batch: prefill chunks and decode rows of several sequences, side by side. Tokens of one
 * sequence are contiguous and in order of position.
 *
 * @param tokens {@code [M]} token ids
 * @param positions {@code [M]} position of each token in its sequence, from 0
 * @param sequences {@code [M]} row of {@code blockTables} of each token's sequence
 * @param blockTables {@code [S][NB]} block ids of each sequence in order; entries past a sequence's
 *     last used block are 0 and not read
 * @param rows {@code [R]} indices into the M tokens whose logits are wanted; may be empty
 */
@SuppressWarnings("ArrayRecordComponent") // crosses into native code; never compared
public record StepInput(
    int[] tokens, int[] positions, int[] sequences, int[][] blockTables, int[] rows) {}
