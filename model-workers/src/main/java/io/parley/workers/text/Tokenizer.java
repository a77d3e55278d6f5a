package io.parley.workers.text;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** Text to token ids and back. Thread-safe. */
public interface Tokenizer {
  /**
   * Encodes without adding a begin token.
   *
   * @param parseSpecial whether {@code <|im_start|>} and the like in the text become their special
   *     tokens; never true for what a user wrote
   */
  int[] encode(String text, boolean parseSpecial);

  /**
   * Encodes the pieces of one text, without adding a begin token. Special tokens are found within
   * trusted pieces only; where none stands between two pieces, they should be encoded as if they
   * were one.
   */
  default int[] encode(List<PromptPart> parts) {
    return parts.stream()
        .flatMapToInt(part -> IntStream.of(encode(part.text(), part.trusted())))
        .toArray();
  }

  /** The texts that become special tokens when asked to. */
  default Set<String> specialTexts() {
    return Set.of();
  }

  /** The bytes that a token stands for; empty for control tokens. May be part of a character. */
  byte[] bytes(int id);

  /** Ids that end the answer. */
  Set<Integer> endOfGeneration();

  int vocabularySize();
}
