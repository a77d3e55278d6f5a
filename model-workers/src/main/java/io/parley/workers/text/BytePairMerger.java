package io.parley.workers.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Byte-level BPE, by the Hugging Face library. It has never heard of control tokens: no text gives
 * those.
 */
final class BytePairMerger implements Merger {
  private static final Map<String, String> OPTIONS =
      Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");

  private final Vocabulary vocabulary;
  private final HuggingFaceTokenizer merger;

  /** The natives must have been prepared. */
  BytePairMerger(BytePairs pairs) {
    this.vocabulary = pairs.vocabulary();
    this.merger = open(TokenizerJson.write(pairs));
  }

  private static HuggingFaceTokenizer open(byte[] json) {
    try {
      return HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), OPTIONS);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // reads from memory
    } catch (RuntimeException e) {
      throw new TokenizerException("the vocabulary cannot be used: " + e.getMessage(), e);
    }
  }

  @Override
  public void merge(String text, IntStream.Builder ids) {
    // not merger.encode, which also makes seven other arrays of the same length
    long encoding = TokenizersLibrary.LIB.encode(merger.getHandle(), text, false);
    try {
      for (long id : TokenizersLibrary.LIB.getTokenIds(encoding)) {
        // ids past the vocabulary stand for bytes that it lacks
        if (id < vocabulary.size()) {
          ids.add((int) id);
        }
      }
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  @Override
  public byte[] bytes(int id) {
    return Vocabulary.byteLevel(vocabulary.text(id));
  }

  @Override
  public void close() {
    merger.close();
  }
}
