package io.parley.node.chaos;

import java.util.List;

/**
 * A turn as one of its clients saw it.
 *
 * @param key its idempotency key; empty: none
 * @param number the turn's number; 0 while the client has not learned it
 * @param seen what came over its streams, in the order in which it came
 * @param answers what it was told instead of an answer, each time that it asked
 */
record ObservedTurn(
    Api api,
    String tenant,
    String key,
    int number,
    Outcome outcome,
    String code,
    int losses,
    List<Seen> seen,
    List<HttpAnswer> answers) {
  ObservedTurn {
    seen = List.copyOf(seen);
    answers = List.copyOf(answers);
  }

  /** By which of the APIs it is asked, and read again. */
  enum Api {
    /** Chat completions in a session that was made before; goes on by the turn's own stream. */
    SESSION,
    /** Chat completions whose key names the session; goes on by the same request. */
    CHAT,
    /** Responses in the background; goes on behind a sequence number. */
    RESPONSE,
    /** Chat completions that are not streamed. */
    WHOLE
  }

  /** What became of it, for its client. */
  enum Outcome {
    RUNNING,
    /** It saw the end of the answer. */
    COMPLETED,
    /** It was told that the turn failed. */
    FAILED,
    /** It was told that the turn was cancelled. */
    CANCELLED,
    /** It went away on purpose. */
    LEFT,
    /** It asked for as long as it may, and got no answer. */
    UNANSWERED
  }

  /**
   * A part of the answer.
   *
   * @param nanos when, for pauses
   * @param atMillis when, to be compared with the journal
   * @param tokens how many tokens of the answer have been seen with it
   * @param id the event's id
   */
  record Seen(long nanos, long atMillis, int tokens, String text, String id) {}

  /**
   * An HTTP answer that was no success.
   *
   * @param code of the error; empty: the answer had none
   * @param retryAfter whether it said when to come again
   */
  record HttpAnswer(long atMillis, int node, int status, String code, boolean retryAfter) {}

  /** The answer as far as it was seen. */
  String text() {
    StringBuilder text = new StringBuilder();
    seen.forEach(part -> text.append(part.text()));
    return text.toString();
  }
}
