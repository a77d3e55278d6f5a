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

class DisconnectTest {
  private RunningEdge edge;

  @BeforeEach
  void start() {
    edge = RunningEdge.start(new FakeSessions().manual());
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

  @Test
  void goesOnForAKeyAndWhereItIsWanted() throws Exception {
    send(",\"stream\":true", "Idempotency-Key: k").close();
    edge.sessions.advance(100);
    send("", "X-Parley-On-Disconnect: continue").close();
    edge.sessions.advance(100);
    Socket last = send(",\"stream\":true", "Idempotency-Key: k2", "X-Parley-On-Disconnect: cancel");

    last.close();

    await().until(() -> edge.sessions.cancelled() == 1);
    assertThat(edge.sessions.started()).isEqualTo(3);
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
