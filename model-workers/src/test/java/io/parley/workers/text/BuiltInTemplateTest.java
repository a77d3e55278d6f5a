package io.parley.workers.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuiltInTemplateTest {
  private static final List<Message> MESSAGES =
      List.of(
          new Message(Role.SYSTEM, "Be brief."),
          new Message(Role.USER, "Hi. "),
          new Message(Role.ASSISTANT, "Hello."),
          new Message(Role.USER, "Bye."));

  @TempDir Path folder;

  private JinjaChatTemplate of(String... tokens) {
    GgufWriter writer =
        new GgufWriter()
            .string("tokenizer.ggml.model", "llama")
            .strings("tokenizer.ggml.tokens", List.of(tokens))
            .integer("tokenizer.ggml.bos_token_id", 0);
    try (GgufFile file = GgufFile.open(writer.write(folder.resolve("tiny.gguf")))) {
      return JinjaChatTemplate.of(file.metadata());
    }
  }

  @Test
  void saysTurnsAsGemmaDoesWhereTheVocabularyHasItsMarks() {
    String prompt =
        of("<bos>", "<start_of_turn>", "<end_of_turn>")
            .parts(MESSAGES, Instant.EPOCH, Set.of())
            .stream()
            .map(PromptPart::text)
            .collect(Collectors.joining());

    assertThat(prompt)
        .isEqualTo(
            """
            <bos><start_of_turn>user
            Be brief.

            Hi.<end_of_turn>
            <start_of_turn>model
            Hello.<end_of_turn>
            <start_of_turn>user
            Bye.<end_of_turn>
            <start_of_turn>model
            """);
  }

  @Test
  void isNoneWhereItDoesNotHaveThem() {
    assertThatThrownBy(() -> of("<bos>", "<start_of_turn>"))
        .isInstanceOf(ChatTemplateException.class)
        .hasMessageContaining("no chat template");
  }
}
