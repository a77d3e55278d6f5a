package io.parley.workers.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.workers.engine.EngineSettings;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufWriter;
import io.parley.workers.model.TinyModel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufTokenizerTest {
  @TempDir Path folder;

  private GgufTokenizer tokenizer;

  @BeforeEach
  void open() {
    tokenizer = open(TinyModel.of("llama"));
  }

  private GgufTokenizer open(GgufWriter writer) {
    try (GgufFile file = GgufFile.open(writer.write(folder.resolve("tiny.gguf")))) {
      return GgufTokenizer.of(file.metadata(), EngineSettings.defaultCacheFolder());
    }
  }

  @AfterEach
  void close() {
    tokenizer.close();
  }

  @Test
  void mergesWordsAndGivesTheirBytesBack() {
    assertThat(tokenizer.encode("ab ab\n", false)).containsExactly(7, 8, 9);
    assertThat(tokenizer.encode("ba", false)).containsExactly(4, 3);
    assertThat(tokenizer.encode("", true)).isEmpty();
    assertThat(new String(tokenizer.bytes(8), StandardCharsets.UTF_8)).isEqualTo(" ab");
    assertThat(tokenizer.bytes(9)).containsExactly('\n');
    assertThat(tokenizer.bytes(1)).isEmpty();
    assertThat(tokenizer.vocabularySize()).isEqualTo(12);
    assertThat(tokenizer.endOfGeneration()).containsExactlyInAnyOrder(0, 2);
  }

  @Test
  void makesControlTokensOnlyWhereTheyAreWanted() {
    assertThat(tokenizer.encode("a<|im_end|>b", true)).containsExactly(3, 2, 4);
    assertThat(tokenizer.encode("a<|im_end|>b", false)).doesNotContain(0, 1, 2);
    assertThat(tokenizer.encode("a<tool>b", false)).containsExactly(3, 10, 4);
  }

  @Test
  void encodesTrustedAndOtherPartsAsOneText() {
    assertThat(
            tokenizer.encode(
                List.of(
                    new PromptPart("<|im_start|>a", true),
                    new PromptPart("b<|im_end|>", false),
                    new PromptPart("<|im_end|>", true))))
        .startsWith(1, 7)
        .endsWith(2)
        .containsOnlyOnce(2);
    assertThat(
            tokenizer.encode(
                List.of(new PromptPart("<|im_", true), new PromptPart("end|>", false))))
        .doesNotContain(2);
  }

  @Test
  void leavesOutBytesThatTheVocabularyLacksWithoutMergingOverThem() {
    assertThat(tokenizer.encode("a\u0001b", false)).containsExactly(3, 4);
    assertThat(tokenizer.encode("a\u0000", false)).containsExactly(3);
  }

  @Test
  void takesLoneSurrogates() {
    assertThat(tokenizer.encode("a\ud800b\udc00", false)).containsExactly(3, 4);
    assertThat(tokenizer.encode("\udc00\ud800", true)).isEmpty();
  }

  @Test
  void refusesVocabulariesThatItDoesNotKnow() {
    assertRefused(
        new GgufWriter().string("tokenizer.ggml.model", "bert"), "'bert' (tokenizer.ggml.model)");
    assertRefused(TinyPieces.of(1f), "tokens, but 1 scores");
    assertRefused(
        new GgufWriter()
            .string("tokenizer.ggml.model", "gpt2")
            .string("tokenizer.ggml.pre", "unheard-of"),
        "'unheard-of' (tokenizer.ggml.pre)");
    assertRefused(
        new GgufWriter()
            .string("tokenizer.ggml.model", "gpt2")
            .strings("tokenizer.ggml.tokens", List.of("a", "b"))
            .integers("tokenizer.ggml.token_type", 1),
        "2 tokens, but 1 types");
    assertRefused(
        new GgufWriter()
            .string("tokenizer.ggml.model", "gpt2")
            .strings("tokenizer.ggml.tokens", List.of("a", "b"))
            .integer("tokenizer.ggml.eos_token_id", 2),
        "names no token: 2");
  }

  private void assertRefused(GgufWriter writer, String message) {
    assertThatThrownBy(() -> open(writer))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining(message);
  }
}
