package io.parley.workers.text;

import java.util.List;

/**
 * The text of one answer, made token by token: bytes to characters, and an end at the first stop
 * string. The deltas depend on the tokens alone, so a resumed attempt pushes the tokens it already
 * has and goes on as the first would have. Not thread-safe.
 */
public final class AnswerText {
  private final Tokenizer tokenizer;
  private final IncrementalDecoder decoder = new IncrementalDecoder();
  private final StopMatcher stops;

  /**
   * An answer without a token.
   *
   * @throws IllegalArgumentException when a stop string is empty
   */
  public AnswerText(Tokenizer tokenizer, List<String> stop) {
    this.tokenizer = tokenizer;
    this.stops = new StopMatcher(stop);
  }

  /**
   * The text that became final with this token: empty while a character or a possible stop string
   * is incomplete, and after a stop string.
   */
  public String push(int tokenId) {
    return stops.push(decoder.push(tokenizer.bytes(tokenId)));
  }

  /** Whether a stop string was met; it and what follows are not part of the answer. */
  public boolean stopped() {
    return stops.stopped();
  }

  /**
   * What was held back and belongs to the answer after all; called once, at the end. It may still
   * meet a stop string.
   */
  public String flush() {
    String last = stops.push(decoder.flush());
    return stops.stopped() ? last : last + stops.flush();
  }
}
