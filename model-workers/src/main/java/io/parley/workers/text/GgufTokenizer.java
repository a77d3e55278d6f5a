package io.parley.workers.text;

import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufMetadata;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The tokenizer of a GGUF file, of any {@link VocabularyKind}. It gives the ids that llama.cpp
 * gives. What cuts text has never heard of control tokens; those are found here, where they are
 * asked for, and split the text.
 */
public final class GgufTokenizer implements Tokenizer, AutoCloseable {
  private final Vocabulary vocabulary;
  private final byte[][] bytes;
  private final SpecialTokens specialTokens;
  private final Merger merger;

  private GgufTokenizer(Vocabulary vocabulary, Merger merger) {
    this.vocabulary = vocabulary;
    this.specialTokens = new SpecialTokens(vocabulary);
    this.merger = merger;
    this.bytes = new byte[vocabulary.size()][];
    for (int id = 0; id < bytes.length; id++) {
      if (vocabulary.userDefined(id)) {
        bytes[id] = vocabulary.text(id).getBytes(StandardCharsets.UTF_8);
      } else {
        bytes[id] = vocabulary.plain(id) ? merger.bytes(id) : new byte[0];
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
    VocabularyKind kind = VocabularyKind.of(metadata);
    return new GgufTokenizer(kind.read(metadata), kind.merger(metadata, cache));
  }

  @Override
  public int[] encode(String text, boolean parseSpecial) {
    return encode(List.of(new PromptPart(text, parseSpecial)));
  }

  @Override
  public int[] encode(List<PromptPart> parts) {
    IntStream.Builder ids = IntStream.builder();
    StringBuilder run = new StringBuilder();
    for (PromptPart part : parts) {
      for (SpecialTokens.Piece piece : specialTokens.split(part.text(), part.trusted())) {
        if (piece.isToken()) {
          merge(run, ids);
          ids.add(piece.id());
        } else {
          run.append(piece.text());
        }
      }
    }
    merge(run, ids);
    return ids.build().toArray();
  }

  /** Encodes text without special tokens in it, and empties it. */
  private void merge(StringBuilder run, IntStream.Builder ids) {
    if (run.length() == 0) {
      return;
    }
    String text = withoutLoneSurrogates(run.toString());
    run.setLength(0);
    merger.merge(text, ids);
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
  public Set<String> specialTexts() {
    return specialTokens.texts();
  }

  @Override
  public void close() {
    merger.close();
  }
}
