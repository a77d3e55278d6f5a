/**
 * Reads GGUF model files (versions 2 and 3, little endian): metadata, the tensor directory, and
 * tensors as floats. Called by the model store, the tokenizer and the engines' import. A file is
 * never trusted: every length and offset is checked against the file's size before it is used. It
 * knows nothing of what the keys and tensors mean.
 */
package io.parley.workers.gguf;
