package io.parley.node.client;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A server of streams that end, break off or fall silent as they are told to, one after another.
 */
public final class StreamingServer implements AutoCloseable {
  /** How a stream goes on after its lines. */
  public enum End {
    IN_ORDER,
    CUT,
    SILENT
  }

  /** One answer. */
  public record Script(List<String> lines, End end) {}

  private final Queue<Script> scripts;
  private final Queue<Optional<String>> lastEventIds = new ConcurrentLinkedQueue<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer server;

  public StreamingServer(Script... scripts) throws IOException {
    this.scripts = new ConcurrentLinkedQueue<>(List.of(scripts));
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext(
        "/v1/chat/completions",
        exchange -> {
          exchange.getRequestBody().readAllBytes();
          lastEventIds.add(
              Optional.ofNullable(exchange.getRequestHeaders().getFirst("Last-Event-ID")));
          Script script = this.scripts.remove();
          byte[] bytes =
              (String.join("\n", script.lines()) + "\n").getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().add("X-Parley-Session", "sess_1");
          // a cut stream promises more than it gives
          exchange.sendResponseHeaders(200, script.end() == End.CUT ? bytes.length + 1 : 0);
          OutputStream body = exchange.getResponseBody();
          body.write(bytes);
          body.flush();
          if (script.end() == End.SILENT) {
            awaitClose();
          }
          exchange.close();
        });
    server.start();
  }

  private void awaitClose() {
    try {
      closed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  public URI url() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/v1");
  }

  /** What each request said of the last event that it had. */
  public List<Optional<String>> lastEventIds() {
    return List.copyOf(lastEventIds);
  }

  @Override
  public void close() {
    closed.countDown();
    server.stop(0);
    threads.shutdownNow();
  }
}
