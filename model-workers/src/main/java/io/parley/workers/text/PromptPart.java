package io.parley.workers.text;

/**
 * A piece of a prompt.
 *
 * @param trusted whether special tokens in it count; true for what a chat template wrote, never for
 *     what a user wrote
 */
public record PromptPart(String text, boolean trusted) {}
