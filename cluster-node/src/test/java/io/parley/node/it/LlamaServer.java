package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import io.parley.workers.engine.EngineSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * A real llama-server, of the sources that come with the PyPI package {@code llama-cpp-python}. It
 * is built once, in the cache folder, which takes some ten minutes on two cores and needs cmake and
 * a C++ compiler; {@code -Dparley.llama-server=FILE} names one that is built already.
 */
final class LlamaServer implements AutoCloseable {
  private static final String VERSION = "0.3.16";
  private static final String SHA256 =
      "34ed0f9bd9431af045bb63d9324ae620ad0536653740e9bb163a2e1fcb973be6";
  private static final Duration BUILD_LIMIT = Duration.ofHours(2);
  private static final Duration START_LIMIT = Duration.ofMinutes(3);

  private final Path program;
  private final Path model;
  private final Path log;
  private final int port = NodeProcess.freePort();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private Process process;

  private LlamaServer(Path program, Path model, Path log) {
    this.program = program;
    this.model = model;
    this.log = log;
  }

  /** One that serves a model and is ready. */
  static LlamaServer started(Path model, Path folder) throws IOException {
    LlamaServer server = new LlamaServer(program(), model, folder.resolve("llama-server.log"));
    server.start();
    return server;
  }

  private static Path program() throws IOException {
    String built = System.getProperty("parley.llama-server", "");
    if (!built.isBlank()) {
      return Path.of(built);
    }
    Path folder =
        Files.createDirectories(
            EngineSettings.defaultCacheFolder().resolve("llama-server").resolve(VERSION));
    Path program = folder.resolve("build").resolve("bin").resolve("llama-server");
    Path complete = folder.resolve("complete");
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.lock(); // until the channel is closed
      if (!Files.exists(complete)) {
        build(folder);
        Files.createFile(complete);
      }
    }
    return program;
  }

  private static void build(Path folder) throws IOException {
    String name = "llama_cpp_python-" + VERSION;
    run(
        "python3",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-binary",
        ":all:",
        "--dest",
        folder.toString(),
        "llama-cpp-python==" + VERSION);
    Path archive = folder.resolve(name + ".tar.gz");
    assertThat(sha256(archive)).isEqualTo(SHA256);
    run("tar", "xzf", archive.toString(), "-C", folder.toString());
    String sources = folder.resolve(name).resolve("vendor").resolve("llama.cpp").toString();
    String build = folder.resolve("build").toString();
    run(
        "cmake",
        "-S",
        sources,
        "-B",
        build,
        "-DCMAKE_BUILD_TYPE=Release",
        "-DLLAMA_CURL=OFF",
        "-DBUILD_SHARED_LIBS=OFF",
        "-DLLAMA_BUILD_TESTS=OFF");
    run("cmake", "--build", build, "--target", "llama-server", "--parallel");
  }

  private static void run(String... command) {
    Commands.run(BUILD_LIMIT, Map.of(), List.of(command)).success();
  }

  private static String sha256(Path file) throws IOException {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  /** Starts it (again) and waits until it is ready. */
  void start() {
    try {
      process =
          new ProcessBuilder(
                  program.toString(),
                  "--model",
                  model.toString(),
                  "--port",
                  Integer.toString(port),
                  "--parallel",
                  "2",
                  "--ctx-size",
                  "4096",
                  "--slots",
                  "--no-webui")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    await("a ready llama-server, whose log is " + log)
        .atMost(START_LIMIT)
        .until(
            () -> {
              assertThat(process.isAlive()).as("llama-server lives").isTrue();
              return isReady();
            });
  }

  private boolean isReady() throws InterruptedException {
    try {
      HttpRequest health = HttpRequest.newBuilder(URI.create(url() + "/health")).build();
      return http.send(health, BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  /** {@code kill -9}. */
  void kill() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor();
  }

  /** SIGSTOP or SIGCONT. */
  void signal(String name) {
    Commands.run(
            Duration.ofSeconds(30),
            Map.of(),
            List.of("kill", "-" + name, Long.toString(process.pid())))
        .success();
  }

  String url() {
    return "http://127.0.0.1:" + port;
  }

  /** How many of its slots are at work. */
  long busySlots() throws IOException, InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(url() + "/slots")).build();
    long busy = 0;
    for (JsonNode slot : ApiClient.parse(http.send(request, BodyHandlers.ofString()).body())) {
      busy += slot.path("is_processing").asBoolean() ? 1 : 0;
    }
    return busy;
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
