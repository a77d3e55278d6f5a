package io.parley.workers.text;

import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufMetadata;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tokens of a GGUF file: their texts, kinds and bytes, and which of them end an answer. */
final class Vocabulary {
  private static final int TOKENS_MAX = 1 << 22;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;
  private static final int BYTE = 6;

  /** Names that llama.cpp takes for ends of an answer, whatever the file says of them. */
  private static final Set<String> ENDS =
      Set.of(
          "<|eot_id|>",
          "<|im_end|>",
          "<|end|>",
          "<|return|>",
          "<|call|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "<|eom_id|>",
          "<EOT>",
          "_<EOT>",
          "<|end_of_text|>",
          "<end_of_utterance>",
          "<｜end▁of▁sentence｜>",
          // of fill-in-the-middle: padding, repository, next file
          "<|fim_pad|>",
          "<fim-pad>",
          "<fim_pad>",
          "<PAD>",
          "<|fim_repo|>",
          "<|repo_name|>",
          "<fim-repo>",
          "<REPO>",
          "<reponame>",
          "<|file_sep|>");

  private static final List<String> END_KEYS =
      List.of(
          "tokenizer.ggml.eos_token_id",
          "tokenizer.ggml.eot_token_id",
          "tokenizer.ggml.eom_token_id");

  private final List<String> texts;
  private final int[] types;
  private final Map<String, Integer> ids;
  private final Set<Integer> ends;

  /**
   * Reads {@code tokenizer.ggml.*}.
   *
   * @throws GgufException when a key is missing or wrong
   * @throws TokenizerException when keys contradict each other
   */
  Vocabulary(GgufMetadata metadata) {
    texts = metadata.strings("tokenizer.ggml.tokens");
    if (texts.isEmpty() || texts.size() > TOKENS_MAX) {
      throw new TokenizerException("the vocabulary has " + texts.size() + " tokens");
    }
    types =
        metadata.has("tokenizer.ggml.token_type")
            ? metadata.integers("tokenizer.ggml.token_type")
            : new int[texts.size()];
    if (types.length != texts.size()) {
      throw new TokenizerException(
          "the vocabulary has " + texts.size() + " tokens, but " + types.length + " types");
    }
    ids = new HashMap<>(texts.size() * 2);
    for (int id = 0; id < texts.size(); id++) {
      ids.putIfAbsent(texts.get(id), id);
    }
    ends = findEnds(metadata);
  }

  private Set<Integer> findEnds(GgufMetadata metadata) {
    Set<Integer> found = new HashSet<>();
    for (String key : END_KEYS) {
      if (metadata.has(key)) {
        found.add(tokenOf(metadata, key));
      }
    }
    for (String name : ENDS) {
      Integer id = ids.get(name);
      if (id != null) {
        found.add(id);
        types[id] = CONTROL;
      }
    }
    if (ids.containsKey("<|return|>") && ids.containsKey("<|call|>")) {
      // there, this ends a part of the answer, not the answer
      found.remove(ids.get("<|end|>"));
    }
    return Set.copyOf(found);
  }

  /** The token that a metadata key names. */
  int tokenOf(GgufMetadata metadata, String key) {
    int id = metadata.integer(key);
    if (id < 0 || id >= texts.size()) {
      throw new TokenizerException("metadata key '" + key + "' names no token: " + id);
    }
    return id;
  }

  int size() {
    return texts.size();
  }

  String text(int id) {
    return texts.get(id);
  }

  /** The id of a token's text, or null. */
  Integer id(String text) {
    return ids.get(text);
  }

  Set<Integer> ends() {
    return ends;
  }

  /** Whether the token is found in text only where special tokens are wanted. */
  boolean special(int id) {
    return types[id] == CONTROL || types[id] == UNKNOWN;
  }

  /** Whether the token is found in any text, before all else. */
  boolean userDefined(int id) {
    return types[id] == USER_DEFINED;
  }

  /** Whether the token is one byte, written {@code <0xNN>}. */
  boolean isByte(int id) {
    return types[id] == BYTE;
  }

  /** Whether the token stands for text at all. */
  boolean plain(int id) {
    return !special(id) && types[id] != UNUSED;
  }

  /** The bytes of a byte-level token, in which each char stands for a byte. */
  static byte[] byteLevel(String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(text.length());
    text.codePoints()
        .forEach(
            c -> {
              int value = c < ByteChars.BYTES.length ? ByteChars.BYTES[c] : -1;
              if (value >= 0) {
                bytes.write(value);
              } else {
                bytes.writeBytes(Character.toString(c).getBytes(StandardCharsets.UTF_8));
              }
            });
    return bytes.toByteArray();
  }

  /** GPT-2's bytes as printable characters: those that are not printable come from U+0100 on. */
  private static final class ByteChars {
    static final int[] BYTES = new int[256 + 68];

    static {
      java.util.Arrays.fill(BYTES, -1);
      int next = 256;
      for (int value = 0; value < 256; value++) {
        boolean printable =
            (value >= '!' && value <= '~') || (value >= 0xa1 && value <= 0xac) || value >= 0xae;
        BYTES[printable ? value : next++] = value;
      }
    }
  }
}
