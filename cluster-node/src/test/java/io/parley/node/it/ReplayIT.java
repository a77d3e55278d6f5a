package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import java.net.http.HttpRequest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a session is, is what its journal says: replayed, it is the same. */
@ExtendWith(SharedNode.class)
class ReplayIT {
  // the short one is replayed from its first event; the long one begins from a snapshot
  private static final List<Integer> SHORT = List.of(12, 20);
  private static final List<Integer> LONG = List.of(150, 30, 120);

  @Test
  void aReplayedSessionIsTheSame(NodeProcess node) {
    ApiClient api = new ApiClient(node);
    String shortOne = talk(api, SHORT);
    String longOne = talk(api, LONG);
    List<Object> before = List.of(state(api, shortOne, SHORT), state(api, longOne, LONG));

    node.stop();
    node.start();

    assertThat(List.of(state(api, shortOne, SHORT), state(api, longOne, LONG))).isEqualTo(before);
    new JournaledSession(api, shortOne).assertSound();
    new JournaledSession(api, longOne).assertSound();
  }

  /** A session with turns of so many tokens. */
  private static String talk(ApiClient api, List<Integer> turns) {
    String session = api.newSession();
    for (int tokens : turns) {
      new SessionStreamingClient(api, session, "Go on.", tokens).run(() -> {});
    }
    return session;
  }

  /** All that can be read of a session: itself, its events, and each turn's answer as a stream. */
  private record State(JsonNode session, List<JsonNode> events, List<String> streams) {}

  private static State state(ApiClient api, String session, List<Integer> turns) {
    JsonNode view = api.json(api.get("/v1/sessions/" + session));
    assertThat(view.path("turns")).hasSameSizeAs(turns);
    List<String> streams = new ArrayList<>();
    for (int turn = 1; turn <= turns.size(); turn++) {
      TurnStreamReader reader = new TurnStreamReader(api, session, turn);
      reader.run(() -> {});
      assertThat(reader.text())
          .isEqualTo(view.at("/turns/" + (turn - 1) + "/answer").asText())
          .isNotEmpty();
      streams.add(reader.text() + reader.events().get(reader.events().size() - 2).data());
    }
    return new State(view, new JournaledSession(api, session).events(), streams);
  }

  /** Reads a turn's stream from index 0. */
  private static final class TurnStreamReader extends ChatStreamingClient {
    private final String path;

    TurnStreamReader(ApiClient api, String session, int turn) {
      super(api, "", 1);
      this.path = "/v1/sessions/" + session + "/turns/" + turn + "/stream";
    }

    @Override
    HttpRequest begin() {
      return api.get(path);
    }
  }
}
