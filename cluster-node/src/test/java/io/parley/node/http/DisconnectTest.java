package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DisconnectTest {
  private RunningEdge edge;

  @BeforeEach
  void start() {
    edge = RunningEdge.start(new FakeSessions().manual(), "akka.http.server.linger-timeout = 1ms");
  }

  @AfterEach
  void stop() {
    edge.close();
  }

  private Socket send(String more, String... headers) throws Exception {
    String body =
        "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]" + more + "}";
    Socket socket = new Socket("127.0.0.1", edge.server.address().getPort());
    StringBuilder head =
        new StringBuilder("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n")
            .append("Content-Type: application/json\r\nContent-Length: ")
            .append(body.length())
            .append("\r\n");
    for (String header : headers) {
      head.append(header).append("\r\n");
    }
    OutputStream out = socket.getOutputStream();
    out.write((head + "\r\n" + body).getBytes(StandardCharsets.US_ASCII));
    out.flush();
    await().until(edge.sessions::isRunning);
    return socket;
  }

  private static void readHeaders(InputStream in) throws Exception {
    StringBuilder seen = new StringBuilder();
    while (seen.indexOf("\r\n\r\n") < 0) {
      seen.append((char) in.read());
    }
  }

  @Test
  void cancelsAPlainStream() throws Exception {
    Socket socket = send(",\"stream\":true");
    edge.sessions.advance(1);
    readHeaders(socket.getInputStream());

    socket.close();

    await().until(() -> edge.sessions.cancelled() == 1);
  }

  @Test
  void cancelsAStreamThatStillWaits() throws Exception {
    send(",\"stream\":true").close();
    await().until(() -> edge.sessions.cancelled() == 1);
  }

  @Test
  void cancelsAnAnswerThatIsNotStreamed() throws Exception {
    send("").close();
    await().until(() -> edge.sessions.cancelled() == 1);
  }

  /** The server has seen the reader leave when it holds the connection no more. */
  @ParameterizedTest
  @CsvSource({
    "'', Idempotency-Key: k",
    "'', X-Parley-On-Disconnect: continue",
    "',\"stream\":true', Idempotency-Key: k",
    "',\"stream\":true', X-Parley-On-Disconnect: continue",
  })
  void goesOnForAKeyAndWhereItIsWanted(String more, String header) throws Exception {
    Socket reader = send(more, header);
    assertThat(edge.server.connections()).isEqualTo(1);

    reader.setSoLinger(
        true, 0); // a reset, which ends a connection even while its answer is awaited
    reader.close();
    await().until(() -> edge.server.connections() == 0);

    edge.sessions.advance(100);
    assertThat(edge.sessions.completed()).isEqualTo(1);
    assertThat(edge.sessions.cancelled()).isZero();
  }

  @Test
  void cancelsInSpiteOfAKeyWhereItIsWanted() throws Exception {
    send(",\"stream\":true", "Idempotency-Key: k", "X-Parley-On-Disconnect: cancel").close();
    await().until(() -> edge.sessions.cancelled() == 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ",\"stream\":true"})
  void cancelsBehindConnectionCloseWhenTheConnectionIsReset(String more) throws Exception {
    Socket socket = send(more, "Connection: close");
    socket.setSoLinger(true, 0);
    socket.close();
    await().until(() -> edge.sessions.cancelled() == 1);
  }

  @Test
  void answersBehindConnectionCloseThoughTheClientHasFinishedAsking() throws Exception {
    try (Socket socket = send("", "Connection: close")) {
      socket.shutdownOutput();
      edge.sessions.advance(100);
      assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
          .startsWith("HTTP/1.1 200");
    }
    assertThat(edge.sessions.cancelled()).isZero();
  }

  @Test
  void sendsHeadersAndCommentsWhileTheTurnWaits() throws Exception {
    try (Socket socket = send(",\"stream\":true")) {
      InputStream in = socket.getInputStream();
      StringBuilder seen = new StringBuilder();
      while (seen.indexOf(": keep-alive", seen.indexOf(": keep-alive") + 1) < 0) {
        seen.append((char) in.read());
      }
      assertThat(seen.toString()).startsWith("HTTP/1.1 200").contains("text/event-stream");
      assertThat(seen.toString().getBytes(StandardCharsets.UTF_8)).isNotEmpty();
    }
  }
}
