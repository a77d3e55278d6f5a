/**
 * Tokenizer and chat template, made from a model file, and the incremental way back from tokens to
 * text. Called by replicas and the batcher. Stateless but for the incremental decoder of one
 * answer, which a new attempt rebuilds from the journaled tokens.
 */
package io.parley.workers.text;
