package io.parley.routing.protocol;

/**
 * What the worker made of a work's messages.
 *
 * @param promptTokens tokens of the rendered prompt
 * @param cachedTokens of these, how many were in the KV cache already
 * @param droppedMessages how many messages {@link ContextPolicy#DROP_OLDEST} left out
 * @param model what really runs
 * @param variant the engine's kernels, for reproduction: the same variant gives the same bits
 */
public record PromptInfo(
    int promptTokens, int cachedTokens, int droppedMessages, ModelId model, String variant) {}
