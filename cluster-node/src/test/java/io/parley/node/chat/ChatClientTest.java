package io.parley.node.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.node.client.StreamingServer;
import io.parley.node.client.StreamingServer.End;
import io.parley.node.client.StreamingServer.Script;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ChatClientTest {
  private static final List<String> FIRST_HALF =
      List.of("id: 1", "data: {\"choices\":[{\"delta\":{\"content\":\"Hello \"}}]}", "");
  private static final List<String> SECOND_HALF =
      List.of(
          "id: 2",
          "data: {\"choices\":[{\"delta\":{\"content\":\"there\"},\"finish_reason\":\"stop\"}]}",
          "",
          "data: [DONE]");

  private final StringBuilder text = new StringBuilder();
  private final AtomicInteger interruptions = new AtomicInteger();
  private final ChatClient.Listener listener =
      new ChatClient.Listener() {
        @Override
        public void text(String delta) {
          text.append(delta);
        }

        @Override
        public void interrupted() {
          interruptions.incrementAndGet();
        }
      };

  private static ChatClient client(StreamingServer server, Duration silenceMax) {
    return new ChatClient(
        server.url(),
        Optional.empty(),
        new ChatClient.RetryPolicy(Duration.ofMillis(1), 1, silenceMax));
  }

  @ParameterizedTest
  @EnumSource(End.class)
  void goesOnBehindTheLastEventWhenTheStreamEndsEarly(End end) throws Exception {
    try (StreamingServer server =
        new StreamingServer(new Script(FIRST_HALF, end), new Script(SECOND_HALF, End.IN_ORDER))) {
      // the second stream must come in less, on a busy machine, too
      ChatClient client = client(server, Duration.ofSeconds(3));
      ChatClient.Answer answer = client.send(Optional.empty(), "m", "Hello?", listener);

      assertThat(answer).isEqualTo(new ChatClient.Answer("sess_1", "stop"));
      assertThat(text).hasToString("Hello there");
      assertThat(interruptions).hasValue(1);
      assertThat(server.lastEventIds()).containsExactly(Optional.empty(), Optional.of("1"));
    }
  }

  @ParameterizedTest
  @EnumSource(End.class)
  void givesUpWhenNothingNewComes(End end) throws Exception {
    try (StreamingServer server =
        new StreamingServer(new Script(List.of(":"), end), new Script(List.of(":"), end))) {
      ChatClient client = client(server, Duration.ofMillis(300));

      assertThatThrownBy(() -> client.send(Optional.empty(), "m", "Hello?", listener))
          .isInstanceOf(ChatException.class)
          .hasMessageContaining("does not answer");
      assertThat(interruptions).hasValue(1);
    }
  }
}
