package io.parley.workers.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * The tokenizer of a {@code tokenizer.json}, as an encoder has one: text in, ids out, with the
 * tokens around a text that the file asks for. What the file says of truncation and padding does
 * not count. Thread-safe.
 */
public final class FileTokenizer implements TextTokenizer {
  private static final Map<String, String> OPTIONS =
      Map.of("addSpecialTokens", "true", "truncation", "false", "padding", "false");

  private final HuggingFaceTokenizer tokenizer;

  private FileTokenizer(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * Reads the file.
   *
   * @param vocabularySize of the model; no token may be past it
   * @param cache the project's cache folder, where the native library is unpacked once
   * @throws TokenizerException when it cannot be read or used
   */
  public static FileTokenizer open(Path file, int vocabularySize, Path cache) {
    byte[] json = TokenizerFile.read(file, vocabularySize);
    TokenizerNatives.prepare(cache);
    try {
      return new FileTokenizer(
          HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), OPTIONS));
    } catch (IOException | RuntimeException e) {
      throw TokenizerFile.unusable(file, String.valueOf(e.getMessage()), e);
    }
  }

  @Override
  public int[] encode(String text) {
    // not tokenizer.encode, which also makes seven other arrays of the same length
    long encoding = TokenizersLibrary.LIB.encode(tokenizer.getHandle(), text, true);
    try {
      long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
      int[] out = new int[ids.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = (int) ids[i];
      }
      return out;
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
