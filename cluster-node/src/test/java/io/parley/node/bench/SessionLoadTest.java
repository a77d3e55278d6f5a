package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.parley.node.bench.SessionLoad.Outcome;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SessionLoadTest {
  private final Deque<Integer> statuses = new ArrayDeque<>(); // of the next answers; then 200
  private HttpServer server;
  private SessionLoad load;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          int status = statuses.isEmpty() ? 200 : statuses.poll();
          exchange.getResponseHeaders().set("X-Parley-Session", "sess_1");
          byte[] body = "{\"data\": [{}, {}]}".getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(status, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    load = new SessionLoad(URI.create("http://127.0.0.1:" + server.getAddress().getPort()), "m", 1);
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  @Test
  void knowsTheSessionsThatItMade() throws Exception {
    String[] sessions = new String[3];
    Outcome outcome = load.create(2, sessions, 1, 2);

    assertThat(sessions).containsExactly(null, "sess_1", "sess_1");
    assertThat(outcome.latency().samples()).isEqualTo(2);
    assertThat(outcome.errors()).isEmpty();
    assertThat(load.events("sess_1")).isEqualTo(2);
  }

  @Test
  void asksAgainWhereThereIsNoRoomNowAndCountsWhatFails() throws Exception {
    statuses.addAll(List.of(429, 200, 500));
    Outcome outcome = load.reads(1, List.of("sess_1", "sess_2", "sess_3"));

    assertThat(outcome.refused()).isEqualTo(1);
    assertThat(outcome.errors()).isEqualTo(Map.of("HTTP 500", 1));
    assertThat(outcome.latency().samples()).isEqualTo(2);
  }
}
