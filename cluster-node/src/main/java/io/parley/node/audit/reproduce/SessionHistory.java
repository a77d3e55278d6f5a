package io.parley.node.audit.reproduce;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.journal.SessionSerializer;
import java.io.NotSerializableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The events of a session, in their order.
 *
 * @param lacking what is missing of them, in one line; what is there is of no use then
 */
public record SessionHistory(SessionId id, List<Event> events, Optional<String> lacking) {
  public SessionHistory {
    events = List.copyOf(events);
  }

  /** An event and its number in the session's journal, from 1. */
  public record Event(long sequence, SessionEvent event) {}

  /** Puts a history together from events as the API and exports show them. */
  static final class Builder {
    private final SessionSerializer serializer;
    private final SessionId id;
    private final List<Event> events = new ArrayList<>();
    private Optional<String> lacking = Optional.empty();

    Builder(SessionId id, SessionSerializer serializer) {
      this.id = id;
      this.serializer = serializer;
    }

    SessionId id() {
      return id;
    }

    long lastSequence() {
      return events.isEmpty() ? 0 : events.get(events.size() - 1).sequence();
    }

    /** One more event; {@code type} and {@code payload} as the API names them. */
    void add(JsonNode json) {
      long sequence = json.path("sequence").asLong();
      if (lacking.isPresent()) {
        return;
      }
      if (sequence != lastSequence() + 1) {
        lacking =
            Optional.of(
                "event %d follows on event %d in its history".formatted(sequence, lastSequence()));
        return;
      }
      try {
        events.add(
            new Event(
                sequence,
                serializer.fromReadable(json.path("payload"), json.path("type").asText())));
      } catch (NotSerializableException e) {
        lacking = Optional.of("event " + sequence + " cannot be read: " + e.getMessage());
      }
    }

    void lacks(String what) {
      lacking = Optional.of(what);
    }

    SessionHistory build() {
      return new SessionHistory(id, events, lacking);
    }
  }
}
