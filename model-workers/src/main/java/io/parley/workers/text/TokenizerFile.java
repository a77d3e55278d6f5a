package io.parley.workers.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a {@code tokenizer.json}, without the native library that understands it. */
public final class TokenizerFile {
  private static final long BYTES_MAX = 64 << 20;
  private static final ObjectMapper JSON = new ObjectMapper();

  private TokenizerFile() {}

  /**
   * Checks the file.
   *
   * @param vocabularySize of the model; no token may be past it
   * @return the file without what it says of truncation and padding
   * @throws TokenizerException when it cannot be used
   */
  public static byte[] read(Path file, int vocabularySize) {
    try {
      if (Files.size(file) > BYTES_MAX) {
        throw unusable(file, "it is too large", null);
      }
      JsonNode root = JSON.readTree(Files.readAllBytes(file));
      if (!(root instanceof ObjectNode json)) {
        throw unusable(file, "it is not a JSON object", null);
      }
      JsonNode vocabulary = json.path("model").path("vocab");
      if (!vocabulary.isObject() || vocabulary.isEmpty()) {
        throw unusable(file, "it has no vocabulary by token", null);
      }
      vocabulary.forEach(id -> requireId(file, id, vocabularySize));
      json.path("added_tokens").forEach(added -> requireId(file, added.path("id"), vocabularySize));
      json.putNull("truncation").putNull("padding");
      return JSON.writeValueAsBytes(json);
    } catch (IOException e) {
      throw unusable(file, String.valueOf(e.getMessage()).lines().findFirst().orElse(""), e);
    }
  }

  private static void requireId(Path file, JsonNode id, int vocabularySize) {
    if (!id.isInt() || id.intValue() < 0 || id.intValue() >= vocabularySize) {
      throw unusable(file, "the token " + id + " is not in the model's vocabulary", null);
    }
  }

  static TokenizerException unusable(Path file, String why, Exception cause) {
    return new TokenizerException(file.getFileName() + " cannot be used: " + why, cause);
  }
}
