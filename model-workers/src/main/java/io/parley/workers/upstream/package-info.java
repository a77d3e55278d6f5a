/**
 * A replica that drives a server on the worker's host: vLLM, llama.cpp, or what speaks like them.
 * Parley renders and tokenizes the prompt and makes the text; the server turns token ids into token
 * ids, by {@code /v1/completions} with streaming. Nothing here survives a crash; what the server
 * was asked for is cancelled when its connection closes.
 */
package io.parley.workers.upstream;
