package io.parley.workers.text;

import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufMetadata;
import java.util.Arrays;

/**
 * What a GGUF file says of its SentencePiece vocabulary. In its tokens, spaces are written {@code
 * ▁}.
 *
 * @param scores of the tokens; of two pieces that can be made, the higher one comes first
 * @param byteTokens the tokens of the 256 bytes, for what has no piece
 * @param spacePrefix whether text begins with a space that nobody wrote
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Pieces(Vocabulary vocabulary, float[] scores, int[] byteTokens, boolean spacePrefix) {
  static final char SPACE = '▁';

  /**
   * Reads {@code tokenizer.ggml.*}.
   *
   * @throws TokenizerException when it cannot be used
   * @throws GgufException when metadata is missing or wrong
   */
  static Pieces read(GgufMetadata metadata) {
    Vocabulary vocabulary = new Vocabulary(metadata);
    float[] scores = metadata.numbers("tokenizer.ggml.scores");
    if (scores.length != vocabulary.size()) {
      throw new TokenizerException(
          "the vocabulary has " + vocabulary.size() + " tokens, but " + scores.length + " scores");
    }
    return new Pieces(
        vocabulary,
        scores,
        byteTokens(vocabulary),
        metadata.bool("tokenizer.ggml.add_space_prefix", true));
  }

  private static int[] byteTokens(Vocabulary vocabulary) {
    int[] tokens = new int[256];
    Arrays.setAll(
        tokens,
        value -> {
          String text = "<0x%02X>".formatted(value);
          Integer id = vocabulary.id(text);
          if (id == null || !vocabulary.isByte(id)) {
            throw new TokenizerException("the vocabulary has no token for the byte " + text);
          }
          return id;
        });
    return tokens;
  }
}
