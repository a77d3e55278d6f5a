package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ConnectionsTest {
  private static final String BODY =
      "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]%s}";

  private RunningEdge edge;

  @AfterEach
  void stop() {
    edge.close();
  }

  private void start(String... overrides) {
    edge = RunningEdge.start(new FakeSessions().manual(), overrides);
  }

  private Socket connect() throws IOException {
    Socket socket = new Socket("127.0.0.1", edge.server.address().getPort());
    socket.setSoTimeout(30_000);
    return socket;
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
  }

  private Socket complete(String more) throws IOException {
    String body = BODY.formatted(more);
    Socket socket = connect();
    send(
        socket,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            + "Content-Type: application/json\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n"
            + body);
    await().until(edge.sessions::isRunning);
    return socket;
  }

  /** All that comes until the server closes. */
  private static String readToEnd(Socket socket) throws IOException {
    StringBuilder text = new StringBuilder();
    try (socket) {
      for (int c = socket.getInputStream().read(); c >= 0; c = socket.getInputStream().read()) {
        text.append((char) c);
      }
    } catch (SocketException reset) {
      text.append("(reset)");
    }
    return text.toString();
  }

  private boolean isServed() throws IOException {
    try (Socket socket = connect()) {
      send(socket, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
      return socket.getInputStream().read() == 'H';
    } catch (SocketException refused) {
      return false;
    }
  }

  @Test
  void oneAddressHasOnlySoMany() throws Exception {
    start("parley.http.max-connections-per-address = 2");
    try (Socket first = connect();
        Socket second = connect()) {
      await().until(() -> !isServed());
      assertThat(first.isClosed() || second.isClosed()).isFalse();
    }
    await().until(this::isServed);
  }

  @Test
  void oneThatAsksNothingIsClosed() throws Exception {
    start("parley.http.head-timeout = 300ms");
    Socket pending = complete("");
    Socket halfAsked = connect();
    send(halfAsked, "GET /health/live HTTP/1.1\r\nHost: loc");

    assertThat(readToEnd(connect())).isEmpty();
    assertThat(readToEnd(halfAsked)).isEmpty();

    // that took longer than the time-out, which does not count while a request is in progress
    edge.sessions.advance(100);
    assertThat(readToEnd(pending)).startsWith("HTTP/1.1 200").contains("w\u00c3\u00b6rld");
  }

  /**
   * The actors must not stop before the last bytes have left; in a node the cluster comes first.
   */
  private CompletableFuture<Done> stopWhenRead(CompletableFuture<Done> read) {
    CoordinatedShutdown.get(edge.system())
        .addTask(CoordinatedShutdown.PhaseServiceStop(), "reader", () -> read);
    return edge.stop().toCompletableFuture();
  }

  /** Stops, and gives what came until the server closed the connection. */
  private String stopAndRead(Socket socket) throws Exception {
    CompletableFuture<Done> read = new CompletableFuture<>();
    var stopped = stopWhenRead(read);
    String text = readToEnd(socket);
    read.complete(Done.getInstance());
    stopped.get(30, TimeUnit.SECONDS);
    return text;
  }

  @Test
  void whatRunsIsAnsweredBeforeTheEnd() throws Exception {
    start(
        "akka.coordinated-shutdown.default-phase-timeout = 60s", "parley.http.stop-deadline = 50s");
    Socket whole = complete("");
    Socket idle = connect();
    await().until(() -> edge.server.connections() == 2);
    CompletableFuture<Done> read = new CompletableFuture<>();
    var stopped = stopWhenRead(read);
    await().until(() -> !isServed());
    send(idle, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assertThat(readToEnd(idle))
        .startsWith("HTTP/1.1 503")
        .contains("Connection: close", "Retry-After: 1", "\"code\":\"node_stopping\"");
    assertThat(stopped).isNotDone();
    edge.sessions.advance(100);

    assertThat(readToEnd(whole)).startsWith("HTTP/1.1 200").contains("w\u00c3\u00b6rld");
    read.complete(Done.getInstance());
    stopped.get(30, TimeUnit.SECONDS);
  }

  @Test
  void aStreamEndsSoonWithoutCancellingItsTurnAndSaysThatAnotherNodeGoesOn() throws Exception {
    start(
        "akka.coordinated-shutdown.default-phase-timeout = 60s",
        "parley.http.stream-grace = 100ms",
        "parley.http.stop-deadline = 50s");
    Socket stream = complete(",\"stream\":true");
    edge.sessions.advance(1);
    stream.getInputStream().read();

    assertThat(stopAndRead(stream))
        .doesNotContain("[DONE]")
        .contains("retry: 100\ndata: {\"error\":{", "\"code\":\"node_stopping\"")
        .endsWith("\r\n0\r\n\r\n");
    assertThat(edge.sessions.cancelled()).isZero();
  }

  @Test
  void aStreamThatWasNotAdmittedYetIsRefused() throws Exception {
    start(
        "akka.coordinated-shutdown.default-phase-timeout = 60s",
        "parley.http.stream-grace = 100ms",
        "parley.http.admission-wait = 40s",
        "parley.http.stop-deadline = 50s");
    Socket stream = complete(",\"stream\":true");

    assertThat(stopAndRead(stream)).startsWith("HTTP/1.1 503").contains("node_stopping");
    assertThat(edge.sessions.cancelled()).isZero();
  }

  @Test
  void theDeadlineEndsAnAnswerThatIsNotStreamed() throws Exception {
    start(
        "akka.coordinated-shutdown.default-phase-timeout = 60s",
        "parley.http.stop-deadline = 300ms");
    Socket whole = complete("");

    assertThat(stopAndRead(whole))
        .startsWith("HTTP/1.1 503")
        .contains("Connection: close", "node_stopping");
    assertThat(edge.sessions.cancelled()).isZero();
  }
}
