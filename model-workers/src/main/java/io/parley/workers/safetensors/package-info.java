/**
 * Reads Safetensors files: a JSON header and raw tensors. Called by the model store and by the
 * engine's import. A file is never trusted: sizes and places are checked against it before they are
 * used. It holds no state beyond an open file, and knows no model.
 */
package io.parley.workers.safetensors;
