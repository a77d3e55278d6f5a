package io.parley.node.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelCommandTest {
  @TempDir Path cache;

  @BeforeEach
  void storeAModel() throws IOException {
    Path version = Files.createDirectories(cache.resolve("models/lighthouse/0123456789ab"));
    Files.writeString(version.resolve("model.gguf"), "GGUF");
    Files.writeString(
        version.resolve("manifest.json"),
        """
        {"name": "lighthouse", "version": "0123456789ab", "source": "/lighthouse.gguf",
         "sha256": "%s", "sizeBytes": 4, "architecture": "llama", "contextLength": 64,
         "licence": "apache-2.0", "chatTemplate": "from file", "createdEpochSeconds": 1}
        """
            .formatted("0123456789ab".repeat(5) + "0123"));
  }

  @Test
  void listsTheStoreInTheConfiguredFolder() throws IOException {
    assertThat(output("model", "list", "-D", "parley.engine.cache-folder=" + cache))
        .contains("lighthouse@0123456789ab");

    Path file = cache.resolve("parley.conf");
    Files.writeString(file, "parley.engine.cache-folder = \"" + cache + "\"");
    assertThat(output("model", "list", "--config", file.toString()))
        .contains("lighthouse@0123456789ab");

    Path empty = Files.createDirectory(cache.resolve("empty"));
    assertThat(output("model", "list", "-D", "parley.engine.cache-folder=" + empty))
        .doesNotContain("lighthouse")
        .contains("To be pulled by name");
  }

  private static String output(String... arguments) {
    PrintStream before = System.out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      System.setOut(out);
      assertThat(ParleyCommand.commandLine().execute(arguments)).isZero();
    } finally {
      System.setOut(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
