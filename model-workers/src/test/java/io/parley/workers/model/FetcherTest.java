package io.parley.workers.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FetcherTest {
  @TempDir Path folder;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final CountDownLatch ended = new CountDownLatch(1);
  private HttpServer server;

  @BeforeEach
  void serve() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext(
        "/stalls",
        exchange -> {
          exchange.sendResponseHeaders(200, 1000);
          exchange.getResponseBody().write(new byte[100]);
          exchange.getResponseBody().flush();
          awaitEnd();
          exchange.close();
        });
    server.createContext(
        "/unannounced",
        exchange -> {
          exchange.sendResponseHeaders(200, 0); // in chunks, of no length that is known before
          exchange.getResponseBody().write(new byte[1000]);
          exchange.close();
        });
    server.start();
  }

  private void awaitEnd() {
    try {
      ended.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @AfterEach
  void stop() {
    ended.countDown();
    server.stop(0);
    threads.shutdownNow();
  }

  private String fetch(String path, Duration stallTimeout) throws IOException {
    URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
    Fetcher fetcher =
        new Fetcher(ProgressListener.NONE, new PipDownload("no-python"), "", stallTimeout);
    return fetcher.fetch(new ModelSource.Url(uri), folder.resolve("model.gguf"), folder);
  }

  @Test
  void givesUpADownloadThatStalls() {
    assertThatThrownBy(() -> fetch("/stalls", Duration.ofMillis(300)))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("stalled: nothing came for 0.3 s");
  }

  @Test
  void takesAFileOfUnknownLength() throws IOException {
    assertThat(fetch("/unannounced", Fetcher.STALL_TIMEOUT)).hasSize(64);
    assertThat(folder.resolve("model.gguf")).hasSize(1000);
  }
}
