package io.parley.workers.text;

/** Text to an encoder's token ids. Thread-safe. */
public interface TextTokenizer extends AutoCloseable {
  /** The text's ids, with those that begin and end it. */
  int[] encode(String text);

  @Override
  void close();
}
