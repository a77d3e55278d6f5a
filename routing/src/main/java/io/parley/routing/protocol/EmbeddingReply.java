package io.parley.routing.protocol;

/** What becomes of an {@link EmbeddingRequest}. */
public sealed interface EmbeddingReply extends CborSerializable {
  /** The request's. */
  String id();

  /**
   * All embeddings, in the order of the texts.
   *
   * @param tokens of all texts together
   * @param vectors 32-bit floats, little-endian, text behind text
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Embedded(String id, int tokens, byte[] vectors) implements EmbeddingReply {}

  /**
   * None of them.
   *
   * @param index of the text that is at fault; -1 when none is
   * @param detail for people; holds no text
   * @param retryAfterMillis when there may be room; 0 when nobody knows
   */
  record Refused(String id, Reason reason, int index, String detail, long retryAfterMillis)
      implements EmbeddingReply {}

  /** Why a request was refused. */
  enum Reason {
    /** The queue has no room for it. */
    FULL,
    /** A text has more tokens than the model takes. */
    TOO_LONG,
    /** A token is not in the vocabulary, or a text has none. */
    BAD_TOKENS,
    /** Its deadline passed in the queue. */
    LATE,
    /** The engine failed. */
    ENGINE_FAILED,
    /** The worker stops. */
    STOPPING,
    /** The worker died, or does not answer. */
    WORKER_LOST,
    /** No worker serves the model, or none any more. */
    NO_WORKER
  }
}
