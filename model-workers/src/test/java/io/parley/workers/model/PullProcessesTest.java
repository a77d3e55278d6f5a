package io.parley.workers.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pulls by several processes of one store, one of which may be killed. */
class PullProcessesTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  @TempDir Path folder;

  private final byte[] model = TinyModel.of("llama").bytes();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final AtomicInteger requests = new AtomicInteger();
  private HttpServer server;
  private String spec;

  @BeforeEach
  void serveTheFirstHalfAndWait() throws IOException {
    String sha256 =
        Fetcher.sha256(Files.write(folder.resolve("model"), model), ProgressListener.NONE);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext(
        "/tiny.gguf",
        exchange -> {
          exchange.sendResponseHeaders(200, model.length);
          exchange.getResponseBody().write(model, 0, model.length / 2);
          exchange.getResponseBody().flush();
          requests.incrementAndGet();
          awaitGo();
          exchange
              .getResponseBody()
              .write(model, model.length / 2, model.length - model.length / 2);
          exchange.close();
        });
    server.start();
    spec = "http://127.0.0.1:" + server.getAddress().getPort() + "/tiny.gguf#sha256=" + sha256;
  }

  private void awaitGo() {
    try {
      goOn.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @AfterEach
  void stop() {
    goOn.countDown();
    server.stop(0);
    threads.shutdownNow();
  }

  private Path cache() {
    return folder.resolve("cache");
  }

  private Process pull(String output) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            PullProcess.class.getName(),
            cache().toString(),
            spec)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve(output).toFile())
        .start();
  }

  private String said(Process process, String output) throws IOException, InterruptedException {
    boolean ended = process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS);
    process.destroyForcibly();
    String said = Files.readString(folder.resolve(output));
    assertThat(ended).as(said).isTrue();
    assertThat(process.exitValue()).as(said).isZero();
    return said.lines().reduce((first, last) -> last).orElse("");
  }

  @Test
  void twoAtOnceDownloadItOnce() throws IOException, InterruptedException {
    Process first = pull("first");
    Process second = pull("second");
    await()
        .atMost(LIMIT)
        .until(
            () ->
                (Files.readString(folder.resolve("first"))
                        + Files.readString(folder.resolve("second")))
                    .contains("waiting for another pull"));
    await().atMost(LIMIT).until(() -> requests.get() == 1);
    goOn.countDown();

    String id = said(first, "first");
    assertThat(id).startsWith("tiny@");
    assertThat(said(second, "second")).isEqualTo(id);
    assertThat(requests).hasValue(1);
  }

  @Test
  void aKilledOneLeavesNothingThatIsTakenForAModel() throws IOException, InterruptedException {
    Process killed = pull("killed");
    await().atMost(LIMIT).until(() -> requests.get() == 1);
    killed.destroyForcibly().waitFor();
    ModelStore store = ModelStore.in(cache());
    assertThat(store.list()).isEmpty();

    goOn.countDown();
    StoredModel pulled = store.pull(spec, ProgressListener.NONE);
    assertThat(pulled.file()).hasBinaryContent(model);
    try (Stream<Path> files = Files.walk(cache()).filter(Files::isRegularFile)) {
      List<String> names = files.map(file -> file.getFileName().toString()).toList();
      assertThat(names).containsExactlyInAnyOrder("model.gguf", "manifest.json", ".lock");
    }
  }
}
