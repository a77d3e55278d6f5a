package io.parley.workers.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.encoder.EncoderFiles;
import io.parley.workers.encoder.TinyEncoder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Encoders in the store: several files under one checksum. */
class EncoderStoreTest {
  @TempDir private Path folder;
  private Path source;
  private ModelStore store;

  @BeforeEach
  void makeStore() throws IOException {
    source = Files.createDirectories(folder.resolve("My-Encoder"));
    store =
        new ModelStore(
            folder.resolve("cache"),
            Catalogue.builtIn(),
            "python-that-is-not-there",
            "http://127.0.0.1:9",
            Clock.systemUTC());
  }

  @Test
  void pullsAFolderByItsName() throws IOException {
    Path weights = new TinyEncoder().write(source);

    StoredModel pulled = store.pull(source.toString(), ProgressListener.NONE);

    assertThat(pulled.isEncoder()).isTrue();
    assertThat(pulled.manifest().name()).isEqualTo("my-encoder");
    assertThat(pulled.manifest().architecture()).isEqualTo("bert");
    assertThat(pulled.manifest().contextLength()).isEqualTo(8);
    assertThat(pulled.manifest().sha256()).isEqualTo(EncoderFiles.sha256(weights));
    for (String name : EncoderFiles.BESIDE) {
      assertThat(pulled.file().resolveSibling(name)).hasSameBinaryContentAs(source.resolve(name));
    }
    assertThat(store.resolve("my-encoder").file()).isEqualTo(pulled.file());
    assertThat(store.list()).hasSize(1);
  }

  @Test
  void usesAFolderWhereItIs() throws IOException {
    Path weights = new TinyEncoder().write(source);
    assertThat(store.resolve(source.toString()).file()).isEqualTo(weights);
    assertThat(store.resolve(weights.toString()).isEncoder()).isTrue();
    assertThat(store.list()).isEmpty();
  }

  /** The documented way to get the checksum. */
  @Test
  void theChecksumIsThatOfAListing() throws Exception {
    Path weights = new TinyEncoder().write(source);
    Process process =
        new ProcessBuilder(
                "sh",
                "-c",
                "sha256sum model.safetensors config.json tokenizer.json modules.json"
                    + " 1_Pooling/config.json sentence_bert_config.json | sha256sum")
            .directory(source.toFile())
            .start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(printed).startsWith(EncoderFiles.sha256(weights));
  }

  @Test
  void pullsFromAnAddressAndPinsEachFile() throws IOException {
    Path weights = new TinyEncoder().write(source);
    String sha256 = EncoderFiles.sha256(weights);
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/models/tiny/",
        exchange -> {
          String name = exchange.getRequestURI().getPath().substring("/models/tiny/".length());
          byte[] body = Files.readAllBytes(source.resolve(name));
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    try {
      String address =
          "http://127.0.0.1:" + server.getAddress().getPort() + "/models/tiny/model.safetensors";
      StoredModel pulled = store.pull(address + "#sha256=" + sha256, ProgressListener.NONE);
      assertThat(pulled.manifest().name()).isEqualTo("tiny");

      Path config = source.resolve("config.json");
      Files.writeString(config, Files.readString(config) + "\n");
      String other =
          "#sha256=" + sha256.replace(sha256.charAt(0), sha256.charAt(0) == '0' ? '1' : '0');
      assertThatThrownBy(() -> store.pull(address + other, ProgressListener.NONE))
          .isInstanceOf(ModelStoreException.class)
          .hasMessageContaining("wrong SHA-256");
      assertThat(store.list()).hasSize(1);
    } finally {
      server.stop(0);
    }
  }

  static Stream<Arguments> refused() {
    return Stream.of(
        refusal(tiny("config.json", "\"bert\"", "\"roberta\""), "'model_type' is roberta"),
        refusal(tiny("config.json", "\"gelu\"", "\"relu\""), "'hidden_act' is relu"),
        refusal(
            tiny("config.json", "\"hidden_size\": 4", "\"hidden_size\": 8"), "config.json says"),
        refusal(tiny("config.json", "_heads\": 2", "_heads\": 3"), "multiple of the heads"),
        refusal(tiny("config.json", "_layers\": 1", "_layers\": 0"), "'num_hidden_layers'"),
        refusal(tiny("config.json", "_layers\": 1", "_layers\": 1000"), "more layers than tensors"),
        refusal(tiny("config.json", "_layers\": 1", "_layers\": 2"), "encoder.layer.1"),
        refusal(
            tiny("1_Pooling/config.json", "cls_token\": false", "cls_token\": true"),
            "the pooling is not the mean"),
        refusal(tiny("modules.json", "models.Normalize", "models.Dense"), "models.Dense'"),
        refusal(tiny("tokenizer.json", "\"e\": 5", "\"e\": 6"), "the token 6"),
        refusal(tiny("tokenizer.json", "\"vocab\": {", "\"vocab\": 1, \"other\": {"), "vocabulary"),
        refusal(tiny("tokenizer.json", "{\"version\"", "{{\"version\""), "tokenizer.json cannot"),
        refusal(new TinyEncoder().without("modules.json"), "modules.json"),
        refusal(new TinyEncoder().withTensor("adapter.weight"), "'adapter.weight' is not part"));
  }

  private static TinyEncoder tiny(String file, String old, String by) {
    return new TinyEncoder().replacing(file, old, by);
  }

  private static Arguments refusal(TinyEncoder encoder, String message) {
    return Arguments.of(encoder, message);
  }

  @ParameterizedTest
  @MethodSource("refused")
  void refusesWhatCannotBeRun(TinyEncoder encoder, String message) throws IOException {
    encoder.write(source);
    assertThatThrownBy(() -> store.pull(source.toString(), ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining(message);
    assertThat(store.list()).isEmpty();
    assertThat(List.of(folder.resolve("cache/models/my-encoder").toFile().list()))
        .containsExactly(".lock");
  }

  @Test
  void readsWhatTheFilesSay() throws IOException {
    EncoderConfig config = ModelSupport.checkEncoder(new TinyEncoder().write(source));
    assertThat(config).isEqualTo(new EncoderConfig(1, 4, 2, 8, 6, 16, 2, 8, 1e-12f, true));
    assertThat(config.headSize()).isEqualTo(2);
  }
}
