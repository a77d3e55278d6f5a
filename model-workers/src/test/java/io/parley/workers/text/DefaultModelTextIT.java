package io.parley.workers.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The default model, pulled where it is not in the cache yet, against llama.cpp's tokens. */
class DefaultModelTextIT {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/smollm2-135m-instruct");

  private static StoredModel model;
  private static GgufTokenizer tokenizer;
  private static JinjaChatTemplate template;

  @BeforeAll
  static void open() {
    ModelStore store = ModelStore.in(EngineSettings.defaultCacheFolder());
    model = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
    try (GgufFile file = GgufFile.open(model.file())) {
      tokenizer = GgufTokenizer.of(file.metadata(), EngineSettings.defaultCacheFolder());
      template = JinjaChatTemplate.of(file.metadata());
    }
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  private static JsonNode golden(String name) throws IOException {
    return new ObjectMapper().readTree(GOLDEN.resolve(name).toFile());
  }

  private static int[] ids(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
  }

  @Test
  void givesLlamaCppsTokensForDifficultTexts() throws IOException {
    JsonNode texts = golden("tokenizer.json");
    assertThat(texts).hasSizeGreaterThan(200);
    SoftAssertions all = new SoftAssertions();
    for (JsonNode entry : texts) {
      String text = entry.get("text").asText();
      all.assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(ids(entry.get("ids")));
      all.assertThat(tokenizer.encode(text, true))
          .as("with special tokens: %s", text)
          .isEqualTo(ids(entry.get("ids_special")));
    }
    all.assertAll();
  }

  @Test
  void givesTheTextBackWhereTheVocabularyHasAllItsBytes() throws IOException {
    int same = 0;
    for (JsonNode entry : golden("tokenizer.json")) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (int id : ids(entry.get("ids"))) {
        bytes.writeBytes(tokenizer.bytes(id));
      }
      if (bytes.toString(StandardCharsets.UTF_8).equals(entry.get("text").asText())) {
        same++;
      }
    }
    assertThat(same).isGreaterThan(200);
  }

  @Test
  void rendersConversationsAsTheReferenceDid() throws IOException {
    JsonNode prompts = golden("greedy.json").get("prompts");
    assertThat(prompts).hasSizeGreaterThan(9);
    for (JsonNode prompt : prompts) {
      List<Message> messages = new ArrayList<>();
      for (JsonNode message : prompt.get("messages")) {
        String role = message.get("role").asText().toUpperCase(Locale.ROOT);
        messages.add(new Message(Role.valueOf(role), message.get("content").asText()));
      }
      assertThat(template.encode(messages, Instant.EPOCH, tokenizer))
          .as(prompt.get("name").asText())
          .isEqualTo(ids(prompt.get("prompt_ids")));
    }
  }

  @Test
  void decodesRecordedAnswers() throws IOException {
    for (JsonNode prompt : golden("greedy.json").get("prompts")) {
      AnswerText answer = new AnswerText(tokenizer, List.of());
      StringBuilder text = new StringBuilder();
      for (int id : ids(prompt.get("answer_ids"))) {
        text.append(answer.push(id));
      }
      text.append(answer.flush());
      assertThat(text.toString())
          .isEqualTo(prompt.get("answer").asText().replace("<|im_end|>", ""));
    }
  }

  @Test
  void describesTheModel() {
    assertThat(model.manifest().licence()).isEqualTo("Apache-2.0");
    assertThat(model.manifest().contextLength()).isEqualTo(8192);
    assertThat(ModelStore.describe(model.file()))
        .satisfies(
            d -> {
              assertThat(d.blocks()).isEqualTo(30);
              assertThat(d.headSize()).isEqualTo(64);
              assertThat(d.tiedHead()).isTrue();
              assertThat(d.vocabularySize()).isEqualTo(tokenizer.vocabularySize());
            });
    assertThat(tokenizer.endOfGeneration()).contains(0, 2);
  }
}
