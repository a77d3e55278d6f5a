package io.parley.routing.protocol;

/** Why the model stopped by itself. */
public enum FinishReason {
  /** An end-of-generation token or a stop string. */
  STOP,
  /** The turn's token limit or the end of the context. */
  LENGTH
}
