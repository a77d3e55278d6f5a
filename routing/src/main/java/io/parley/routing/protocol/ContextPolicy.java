package io.parley.routing.protocol;

/** What happens when a conversation no longer fits the model's context. */
public enum ContextPolicy {
  /** The turn fails with {@link FailureCode#CONTEXT_LENGTH_EXCEEDED}. */
  ERROR,
  /** The oldest turns are left out of the prompt; system messages and the new input stay. */
  DROP_OLDEST
}
