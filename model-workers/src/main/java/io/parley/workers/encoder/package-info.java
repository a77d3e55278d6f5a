/**
 * What a text encoder's files say: a folder as sentence-transformers writes it, with the weights,
 * the shape of the model, how its vectors are pooled, and its tokenizer. Called by the model store,
 * which refuses what cannot be run, and by the engine's import. It reads files and nothing else: no
 * state, no native library.
 */
package io.parley.workers.encoder;
