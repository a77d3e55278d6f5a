package io.parley.workers.text;

import io.parley.workers.gguf.GgufMetadata;
import java.nio.file.Path;

/** The kinds of vocabularies that can be used, as GGUF files name them. */
enum VocabularyKind {
  BYTE_PAIRS("gpt2"),
  PIECES("llama");

  private final String label;

  VocabularyKind(String label) {
    this.label = label;
  }

  /**
   * The kind of a file's vocabulary.
   *
   * @throws TokenizerException when it is not one of these
   */
  static VocabularyKind of(GgufMetadata metadata) {
    String label = metadata.string("tokenizer.ggml.model");
    for (VocabularyKind kind : values()) {
      if (kind.label.equals(label)) {
        return kind;
      }
    }
    throw new TokenizerException(
        "the vocabulary kind '"
            + label
            + "' (tokenizer.ggml.model) is not supported; supported are gpt2 (byte-level BPE) and"
            + " llama (SentencePiece)");
  }

  /** Reads and checks a vocabulary of this kind. */
  Vocabulary read(GgufMetadata metadata) {
    return switch (this) {
      case BYTE_PAIRS -> BytePairs.read(metadata).vocabulary();
      case PIECES -> Pieces.read(metadata).vocabulary();
    };
  }

  /**
   * What cuts text into the tokens of such a vocabulary.
   *
   * @param cache the project's cache folder, where a native library is unpacked once
   */
  Merger merger(GgufMetadata metadata, Path cache) {
    return switch (this) {
      case BYTE_PAIRS -> {
        BytePairs pairs = BytePairs.read(metadata);
        TokenizerNatives.prepare(cache);
        yield new BytePairMerger(pairs);
      }
      case PIECES -> new PieceMerger(Pieces.read(metadata));
    };
  }
}
