package io.parley.workers.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufMetadata;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The tokenizer of a GGUF file with a byte-level BPE vocabulary ({@code tokenizer.ggml.model} =
 * gpt2). It gives the ids that llama.cpp gives. There are two native tokenizers in it: one that
 * knows the control tokens, and one that has never heard of them, for what users write.
 */
public final class GgufTokenizer implements Tokenizer, AutoCloseable {
  private static final Map<String, String> OPTIONS =
      Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");

  private final Vocabulary vocabulary;
  private final byte[][] bytes;
  private final HuggingFaceTokenizer special;
  private final HuggingFaceTokenizer plain;

  private GgufTokenizer(
      Vocabulary vocabulary, HuggingFaceTokenizer special, HuggingFaceTokenizer plain) {
    this.vocabulary = vocabulary;
    this.special = special;
    this.plain = plain;
    this.bytes = new byte[vocabulary.size()][];
    for (int id = 0; id < bytes.length; id++) {
      String text = vocabulary.text(id);
      if (vocabulary.userDefined(id)) {
        bytes[id] = text.getBytes(StandardCharsets.UTF_8);
      } else {
        bytes[id] = vocabulary.plain(id) ? Vocabulary.byteLevel(text) : new byte[0];
      }
    }
  }

  /**
   * Builds the tokenizer.
   *
   * @param cache the project's cache folder, where the native library is unpacked once
   * @throws TokenizerException when the vocabulary is of a kind that is not supported
   * @throws GgufException when metadata is missing or wrong
   */
  public static GgufTokenizer of(GgufMetadata metadata, Path cache) {
    String model = metadata.string("tokenizer.ggml.model");
    if (!model.equals("gpt2")) {
      throw new TokenizerException(
          "the vocabulary kind '"
              + model
              + "' (tokenizer.ggml.model) is not supported; supported is gpt2 (byte-level BPE)");
    }
    PreTokenizer preTokenizer = PreTokenizer.of(metadata.string("tokenizer.ggml.pre", "default"));
    Vocabulary vocabulary = new Vocabulary(metadata);
    List<String> merges = metadata.strings("tokenizer.ggml.merges");
    TokenizerNatives.prepare(cache);
    HuggingFaceTokenizer special =
        open(TokenizerJson.write(vocabulary, merges, preTokenizer, true));
    try {
      return new GgufTokenizer(
          vocabulary, special, open(TokenizerJson.write(vocabulary, merges, preTokenizer, false)));
    } catch (RuntimeException e) {
      special.close();
      throw e;
    }
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
  public int[] encode(String text, boolean parseSpecial) {
    if (text.isEmpty()) {
      return new int[0];
    }
    HuggingFaceTokenizer tokenizer = parseSpecial ? special : plain;
    long[] ids = tokenizer.encode(withoutLoneSurrogates(text), false, false).getIds();
    // ids past the vocabulary stand for bytes that it lacks
    return Arrays.stream(ids)
        .filter(id -> id < vocabulary.size())
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  /** UTF-8 cannot say a lone surrogate, and the native side would fail on it. */
  private static String withoutLoneSurrogates(String text) {
    int lone = -1;
    for (int i = 0; i < text.length() && lone < 0; i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        lone = i;
      }
    }
    if (lone < 0) {
      return text;
    }
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints().forEach(c -> out.appendCodePoint(c >= 0xd800 && c <= 0xdfff ? 0xfffd : c));
    return out.toString();
  }

  @Override
  public byte[] bytes(int id) {
    return bytes[id].clone();
  }

  @Override
  public Set<Integer> endOfGeneration() {
    return vocabulary.ends();
  }

  @Override
  public int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public void close() {
    special.close();
    plain.close();
  }
}
