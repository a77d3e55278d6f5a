package io.parley.node.http;

import akka.NotUsed;
import akka.stream.javadsl.Source;
import com.fasterxml.jackson.databind.JsonNode;
import io.parley.routing.protocol.SessionId;

/** The journal of a session, for reading. */
@FunctionalInterface
public interface EventHistory {
  /** The events after {@code afterSequence} (0: all), in order, up to the newest now. */
  Source<HistoryEvent, NotUsed> events(SessionId session, long afterSequence);

  /**
   * One journaled event.
   *
   * @param sequence its number in the session's journal, from 1
   * @param manifest the event's versioned name
   * @param payload its fields
   */
  record HistoryEvent(long sequence, long epochMillis, String manifest, JsonNode payload) {}
}
