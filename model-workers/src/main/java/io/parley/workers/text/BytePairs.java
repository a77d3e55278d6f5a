package io.parley.workers.text;

import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufMetadata;
import java.util.List;

/**
 * What a GGUF file says of its byte-level BPE vocabulary.
 *
 * @param merges pairs separated by a space, best first
 */
record BytePairs(Vocabulary vocabulary, List<String> merges, PreTokenizer preTokenizer) {
  /**
   * Reads {@code tokenizer.ggml.*}.
   *
   * @throws TokenizerException when it is not cut into words in a way that is supported
   * @throws GgufException when metadata is missing or wrong
   */
  static BytePairs read(GgufMetadata metadata) {
    PreTokenizer preTokenizer = PreTokenizer.of(metadata.string("tokenizer.ggml.pre", "default"));
    Vocabulary vocabulary = new Vocabulary(metadata);
    List<String> merges = metadata.strings("tokenizer.ggml.merges");
    for (String merge : merges) {
      if (space(merge) < 0) {
        throw new TokenizerException("a merge of the vocabulary is not two tokens");
      }
    }
    return new BytePairs(vocabulary, merges, preTokenizer);
  }

  /** Where a merge's first token ends; the token may begin with a space itself. */
  static int space(String merge) {
    return merge.indexOf(' ', 1);
  }
}
