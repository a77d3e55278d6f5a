/**
 * From logits to a token: penalties, temperature, limits, the draw, and log-probabilities. Called
 * by the batcher's thread, once for each row at its end. A pure function of the row, the
 * parameters, the tokens so far and (seed, position); it holds scratch memory and nothing that a
 * crash loses.
 */
package io.parley.workers.sampling;
