package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the journal says about a session, by the API. */
final class JournaledSession {
  private static final int PAGE = 1000;

  private final ApiClient api;
  private final String session;

  JournaledSession(ApiClient api, String session) {
    this.api = api;
    this.session = session;
  }

  List<JsonNode> events() {
    List<JsonNode> events = new ArrayList<>();
    boolean more = true;
    while (more) {
      String path = "/v1/sessions/" + session + "/events?limit=" + PAGE + "&after=" + events.size();
      JsonNode page = api.json(api.get(path));
      page.path("data").forEach(events::add);
      more = page.path("has_more").asBoolean();
    }
    return events;
  }

  /**
   * Checks that no event is missing or stored twice: sequence numbers and the indices of each
   * turn's tokens are contiguous, and each turn started once and ended once.
   */
  void assertSound() {
    Map<Integer, Integer> nextIndex = new HashMap<>();
    Map<Integer, Integer> ends = new HashMap<>();
    long sequence = 0;
    for (JsonNode event : events()) {
      assertThat(event.path("sequence").asLong())
          .as("sequence in %s", session)
          .isEqualTo(++sequence);
      JsonNode payload = event.path("payload");
      int turn = payload.path("turn").asInt();
      switch (event.path("type").asText()) {
        case "turn-started.v1" ->
            assertThat(nextIndex.put(turn, 0)).as("an earlier start of turn %s", turn).isNull();
        case "tokens-appended.v1" -> {
          assertThat(payload.path("firstIndex").asInt())
              .as("first index of %s", event)
              .isEqualTo(nextIndex.get(turn));
          nextIndex.merge(turn, payload.at("/tokens/ids").size(), Integer::sum);
        }
        case "turn-completed.v1", "turn-failed.v1", "turn-cancelled.v1" ->
            ends.merge(turn, 1, Integer::sum);
        default -> {}
      }
    }
    assertThat(ends.keySet()).as("ended turns").isEqualTo(nextIndex.keySet());
    assertThat(ends.values()).as("ends of each turn").containsOnly(1);
  }

  /**
   * Checks that what a client saw of a node that was killed was in the journal before it died. That
   * it is there now proves little: seed and position fix a token, so one that was lost is made
   * again, the same.
   *
   * @param diedAtMillis when the node was dead, and before it was started again
   */
  void assertHeldBeforeShown(StreamingClient client, long diedAtMillis) {
    List<EventStream.Event> shown = client.eventsBefore(diedAtMillis);
    if (shown.isEmpty()) {
      return;
    }
    int journaled = 0;
    boolean completed = false;
    for (JsonNode event : events()) {
      JsonNode payload = event.path("payload");
      if (payload.path("turn").asInt() == client.turn()
          && payload.path("at").asLong() <= diedAtMillis) {
        journaled += payload.at("/tokens/ids").size();
        completed |= event.path("type").asText().equals("turn-completed.v1");
      }
    }
    assertThat(StreamingClient.tokensSeen(shown.get(shown.size() - 1)))
        .as("tokens that %s saw before the node died, of those journaled by then", client)
        .isLessThanOrEqualTo(journaled);
    if (shown.stream().anyMatch(client::isFinish)) {
      assertThat(completed).as("%s saw a finish that was journaled by then", client).isTrue();
    }
  }

  /** How many attempts its turns took, all together. */
  long attempts() {
    return events().stream()
        .filter(event -> event.path("type").asText().startsWith("attempt-started."))
        .count();
  }

  /** Checks that what a client saw is the turn as it is journaled, each part of it once. */
  void assertSaw(StreamingClient client, int tokens) {
    JsonNode turn = api.json(api.get(client.turnPath()));
    assertThat(turn.path("status").asText()).as("status of %s", client).isEqualTo("completed");
    assertThat(turn.path("token_count").asInt()).as("tokens of %s", client).isEqualTo(tokens);
    assertThat(client.text()).as("text of %s", client).isEqualTo(turn.path("answer").asText());
    assertThat(client.events()).extracting(EventStream.Event::id).doesNotHaveDuplicates();
    assertThat(client.finishes()).as("finishes of %s", client).isEqualTo(1);

    List<EventStream.Event> again = read(client);
    String text = String.join("", again.stream().map(client::textOf).toList());
    assertThat(text).as("text of %s from index 0", client).isEqualTo(client.text());
    assertThat(again).filteredOn(client::isFinish).hasSize(1);
    if (client instanceof ResponseStreamingClient) {
      // its events do not depend on how tokens were grouped
      assertThat(client.events()).isEqualTo(again);
    }
  }

  private List<EventStream.Event> read(StreamingClient client) {
    List<EventStream.Event> events = new ArrayList<>();
    try (EventStream stream = api.open(client.fromStart())) {
      Optional<EventStream.Event> event = stream.next();
      while (event.isPresent()) {
        events.add(event.get());
        event = stream.next();
      }
      return events;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
