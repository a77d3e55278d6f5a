package io.parley.workers.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.gguf.GgufFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small SentencePiece vocabulary, against llama.cpp's tokens. */
class PieceMergerTest {
  @TempDir Path folder;

  private GgufTokenizer tokenizer;

  @BeforeEach
  void open() {
    Path path = TinyPieces.of(TinyPieces.scores()).write(folder.resolve("pieces.gguf"));
    try (GgufFile file = GgufFile.open(path)) {
      tokenizer = GgufTokenizer.of(file.metadata(), EngineSettings.defaultCacheFolder());
    }
  }

  private static int[] ids(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
  }

  private static JsonNode golden() throws IOException {
    try (InputStream in = PieceMergerTest.class.getResourceAsStream("/golden/pieces.json")) {
      return new ObjectMapper().readTree(in);
    }
  }

  @Test
  void givesLlamaCppsTokens() throws IOException {
    SoftAssertions all = new SoftAssertions();
    for (JsonNode entry : golden()) {
      String text = entry.get("text").asText();
      all.assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(ids(entry.get("ids")));
      all.assertThat(tokenizer.encode(text, true))
          .as("with special tokens: %s", text)
          .isEqualTo(ids(entry.get("ids_special")));
    }
    all.assertAll();
    assertThat(golden()).hasSizeGreaterThan(15);
  }

  @Test
  void givesTheTextBackAfterTheSpaceThatItPuts() throws IOException {
    for (JsonNode entry : golden()) {
      String text = entry.get("text").asText();
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (int id : tokenizer.encode(text, false)) {
        bytes.writeBytes(tokenizer.bytes(id));
      }
      String back = bytes.toString(StandardCharsets.UTF_8);
      assertThat(back.replace(" ", "")).isEqualTo(text.replace(" ", ""));
      assertThat(back)
          .isEqualTo(text.isEmpty() || text.startsWith("<tool>") ? back : " " + back.substring(1));
    }
  }

  /** Where pieces lead to one, llama.cpp gives it: the texts compared above have none. */
  @Test
  void makesNoControlTokenOfPieces() {
    assertThat(TinyPieces.tokens()).contains("</", "s>");
    assertThat(tokenizer.encode("</s>", false)).doesNotContain(2);
    assertThat(tokenizer.encode("</s>", true)).containsExactly(2);
    assertThat(tokenizer.encode("<s>", false)).doesNotContain(1);
  }
}
