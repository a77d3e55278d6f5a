/**
 * Holds answers to a form: a JSON schema, or the call of a tool. A schema becomes a grammar over
 * bytes, run as a pushdown automaton; a mask says which tokens of a vocabulary it lets through.
 *
 * <p>The batcher asks for a mask before each token of such an answer; the HTTP edge only compiles,
 * to refuse what cannot be. All of it is a function of the form and the tokens so far: nothing here
 * survives a crash, and an attempt that is taken over replays its tokens. Not here: drawing a
 * token, and reading calls out of an answer's text.
 */
package io.parley.workers.constraint;
