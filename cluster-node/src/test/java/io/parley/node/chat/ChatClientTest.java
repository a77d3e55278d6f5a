package io.parley.node.chat;

import static io.parley.node.chat.ScriptedServer.END;
import static io.parley.node.chat.ScriptedServer.SILENCE;
import static io.parley.node.chat.ScriptedServer.error;
import static io.parley.node.chat.ScriptedServer.stream;
import static io.parley.node.chat.ScriptedServer.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ChatClientTest {
  private static final String DONE = "data: [DONE]";

  private final StringBuilder heard = new StringBuilder();
  private int interruptions;
  private Duration silence = Duration.ofMinutes(1);

  @Test
  void asksAgainWithTheSameKeyWhereTheNodeSaysSo() throws Exception {
    try (ScriptedServer server =
        new ScriptedServer(
            error(429, "overloaded"),
            error(503, "no_worker"),
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\naway",
            stream(text("1:1", "a"), "data: {\"error\": {\"code\": \"journal_unavailable\"}}", END),
            stream(text("1:2", "b"), DONE, END))) {
      assertThat(send(server).sessionId()).isEqualTo("s1");

      assertThat(heard).hasToString("ab");
      assertThat(server.requests).hasSize(5);
      assertThat(server.requests.stream().map(head -> line(head, "idempotency-key")).distinct())
          .hasSize(1);
      assertThat(line(server.requests.get(4), "last-event-id")).isEqualTo("1:1");
    }
  }

  @Test
  void goesOnAfterAStreamThatIsCutAndOneThatFallsSilent() throws Exception {
    silence = Duration.ofSeconds(5); // is waited for once
    try (ScriptedServer server =
        new ScriptedServer(
            stream(text("1:1", "a")),
            stream(text("1:2", "b"), ": keep-alive", SILENCE),
            stream(text("1:3", "c"), DONE, END))) {
      send(server);

      assertThat(heard).hasToString("abc");
      assertThat(interruptions).isPositive();
      assertThat(line(server.requests.get(2), "last-event-id")).isEqualTo("1:2");
    }
  }

  @Test
  void givesUpOnATurnThatFailed() throws Exception {
    try (ScriptedServer server = new ScriptedServer(error(503, "attempts_exhausted"))) {
      assertThatThrownBy(() -> send(server))
          .isInstanceOf(ChatException.class)
          .hasMessage("it says attempts_exhausted");
    }
    try (ScriptedServer server =
        new ScriptedServer(
            stream("data: {\"error\": {\"code\": \"engine_failed\", \"message\": \"no\"}}", END))) {
      assertThatThrownBy(() -> send(server)).isInstanceOf(ChatException.class).hasMessage("no");
    }
  }

  private ChatClient.Answer send(ScriptedServer server) throws Exception {
    ChatClient client =
        new ChatClient(
            server.url(),
            Optional.empty(),
            Optional.empty(),
            new ChatClient.RetryPolicy(Duration.ofMillis(1), 10, silence));
    return client.send(
        Optional.empty(),
        "m",
        "hello",
        new ChatClient.Listener() {
          @Override
          public void text(String delta) {
            heard.append(delta);
          }

          @Override
          public void interrupted() {
            interruptions++;
          }
        });
  }

  private static String line(String head, String name) {
    return head.lines()
        .filter(line -> line.toLowerCase(java.util.Locale.ROOT).startsWith(name + ":"))
        .map(line -> line.substring(name.length() + 1).strip())
        .findFirst()
        .orElse("");
  }
}
