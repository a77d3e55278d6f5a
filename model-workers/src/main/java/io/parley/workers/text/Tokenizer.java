package io.parley.workers.text;

import java.util.Set;

/** Text to token ids and back. Thread-safe. */
public interface Tokenizer {
  /**
   * Encodes without adding a begin token.
   *
   * @param parseSpecial whether {@code <|im_start|>} and the like in the text become their special
   *     tokens; never true for what a user wrote
   */
  int[] encode(String text, boolean parseSpecial);

  /** The bytes that a token stands for; empty for control tokens. May be part of a character. */
  byte[] bytes(int id);

  /** Ids that end the answer. */
  Set<Integer> endOfGeneration();

  int vocabularySize();
}
