package io.parley.workers.text;

import io.parley.workers.gguf.GgufWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A small SentencePiece vocabulary: what lies within the words of a sentence, up to five characters
 * of it, many with the same score, so that it matters which neighbours are joined first.
 */
final class TinyPieces {
  private static final String SENTENCE =
      "the banana bandana ananas aaaaa ababab said that the theatre is theirs, über ça 日本語";

  private TinyPieces() {}

  /** Writes the file of the golden ids. */
  public static void main(String[] arguments) {
    of(scores()).write(Path.of(arguments[0]));
  }

  static List<String> tokens() {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>", "<tool>"));
    for (int value = 0; value < 256; value++) {
      tokens.add("<0x%02X>".formatted(value));
    }
    Set<String> pieces = new TreeSet<>(Set.of("\n", "s>", "</", "<s"));
    String text = "▁" + SENTENCE.replace(' ', '▁');
    for (int length = 1; length <= 5; length++) {
      for (int from = 0; from + length <= text.length(); from++) {
        // not all of them: some can then be reached in one way only
        if (length == 1 || (from * 7 + length) % 3 != 0) {
          pieces.add(text.substring(from, from + length));
        }
      }
    }
    tokens.addAll(pieces);
    return tokens;
  }

  static float[] scores() {
    float[] scores = new float[tokens().size()];
    for (int id = 260; id < scores.length; id++) {
      scores[id] = -(id * 31 % 17);
    }
    return scores;
  }

  private static int[] types() {
    int[] types = new int[tokens().size()];
    java.util.Arrays.fill(types, 1);
    types[0] = 2;
    types[1] = 3;
    types[2] = 3;
    types[3] = 4;
    java.util.Arrays.fill(types, 4, 260, 6);
    return types;
  }

  static GgufWriter of(float... scores) {
    return new GgufWriter()
        .string("general.architecture", "llama")
        .string("tokenizer.ggml.model", "llama")
        .strings("tokenizer.ggml.tokens", tokens())
        .numbers("tokenizer.ggml.scores", scores)
        .integers("tokenizer.ggml.token_type", types())
        .integer("tokenizer.ggml.bos_token_id", 1)
        .integer("tokenizer.ggml.eos_token_id", 2);
  }
}
