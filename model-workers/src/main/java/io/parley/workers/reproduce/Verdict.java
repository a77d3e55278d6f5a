package io.parley.workers.reproduce;

import java.util.Optional;

/** What came of computing an attempt again. */
public sealed interface Verdict {
  /**
   * Everything is what the recorded parameters, seed and variant give: each token, each recorded
   * log-probability to the last bit, the texts and the end.
   *
   * @param cut why the answer ended earlier than its parameters say, which is not the model's doing
   */
  record Exact(Optional<String> cut) implements Verdict {}

  /**
   * The variant here is another, or one that does not give the same bits twice, and everything is
   * within the {@link Tolerance}.
   *
   * @param otherTokens recorded ones that would not have been drawn here, but could have been with
   *     logits as near as that
   * @param widestLogProb the greatest difference of a recorded log-probability
   */
  record Near(int otherTokens, double widestLogProb, Optional<String> cut) implements Verdict {}

  /**
   * Something recorded is not what the model gives.
   *
   * @param first of the deviations, in the order of the answer
   * @param otherTokens how many of its tokens are others
   */
  record Differs(Deviation first, int otherTokens) implements Verdict {}

  /** Nothing can be said of it here. */
  record Unknown(Reason reason, String message) implements Verdict {}

  /** Why nothing can be said. */
  enum Reason {
    /** The record names another model, or another version of it. */
    OTHER_MODEL,
    /** The model that the record names is not here, or its file is not what the version says. */
    NO_MODEL,
    /** It was not made by an engine of Parley's. */
    OTHER_ENGINE,
    /** The KV memory of this engine does not hold it. */
    TOO_LONG
  }

  /** Whether the record is confirmed, to the last bit or within the tolerance. */
  default boolean confirmed() {
    return this instanceof Exact || this instanceof Near;
  }
}
