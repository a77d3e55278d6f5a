package io.parley.workers.text;

import java.util.stream.IntStream;

/** Cuts text into the tokens of a vocabulary, as its kind does it. Thread-safe. */
interface Merger extends AutoCloseable {
  /**
   * Encodes text.
   *
   * @param text without special tokens and lone surrogates, after a special token or at the
   *     beginning
   */
  void merge(String text, IntStream.Builder ids);

  /** The bytes of a token that stands for text. */
  byte[] bytes(int id);

  @Override
  void close();
}
