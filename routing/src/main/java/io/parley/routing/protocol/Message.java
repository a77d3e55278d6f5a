package io.parley.routing.protocol;

/** One message of a conversation, as the chat template sees it. */
public record Message(Role role, String content) {}
