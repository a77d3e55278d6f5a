package io.parley.workers.text;

import java.util.Arrays;
import java.util.List;

/**
 * How a byte-level BPE vocabulary cuts text into words before merging, by the file's {@code
 * tokenizer.ggml.pre}. The expressions are those of llama.cpp, applied one after the other to the
 * pieces that the one before left.
 */
enum PreTokenizer {
  DEFAULT(
      false,
      List.of("default"),
      "[\\p{P}\\$\\+<=>\\^~\\|]+",
      Expressions.GPT2,
      "\\p{N}+",
      "[0-9][0-9][0-9]"),
  GPT2(
      false,
      List.of("gpt-2", "phi-2", "gigachat", "mellum", "mpt", "olmo", "jais", "trillion"),
      Expressions.GPT2),
  SMOLLM(
      false,
      List.of("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"),
      "\\p{N}",
      Expressions.GPT2),
  LLAMA3(
      true,
      List.of("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "lfm2"),
      Expressions.llama3("\\p{N}{1,3}")),
  DBRX(false, List.of("dbrx", "smaug-bpe"), Expressions.llama3("\\p{N}{1,3}")),
  QWEN2(
      false,
      List.of("qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez"),
      Expressions.llama3("\\p{N}"));

  private final boolean ignoreMerges;

  @SuppressWarnings("ImmutableEnumChecker") // made by List.of
  private final List<String> kinds;

  @SuppressWarnings("ImmutableEnumChecker")
  private final List<String> expressions;

  PreTokenizer(boolean ignoreMerges, List<String> kinds, String... expressions) {
    this.ignoreMerges = ignoreMerges;
    this.kinds = kinds;
    this.expressions = List.of(expressions);
  }

  /**
   * The one that a file names.
   *
   * @throws TokenizerException when it is not known: guessing would give other tokens than the
   *     model was trained on
   */
  static PreTokenizer of(String kind) {
    return Arrays.stream(values())
        .filter(p -> p.kinds.contains(kind))
        .findFirst()
        .orElseThrow(
            () ->
                new TokenizerException(
                    "the pre-tokenizer '"
                        + kind
                        + "' (tokenizer.ggml.pre) is not supported; supported are "
                        + Arrays.stream(values()).flatMap(p -> p.kinds.stream()).toList()));
  }

  /** Whether a word that is in the vocabulary is a token even when no merges lead to it. */
  boolean ignoreMerges() {
    return ignoreMerges;
  }

  List<String> expressions() {
    return expressions;
  }

  private static final class Expressions {
    static final String GPT2 =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";

    static String llama3(String numbers) {
      return "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
          + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
          + numbers
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    }
  }
}
