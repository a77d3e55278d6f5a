package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.it.EventStream.Event;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A client that streams one answer, and goes on behind the last event it saw whenever its
 * connection is lost. It keeps all it saw.
 */
abstract class StreamingClient {
  private static final long PATIENCE_NANOS = TimeUnit.MINUTES.toNanos(5);
  private static final long RETRY_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /**
   * A connection.
   *
   * @param seenBefore how many events had been seen when it was opened
   */
  private record Connection(long openedAtMillis, int seenBefore) {}

  final ApiClient api;
  private final List<Connection> connections = new ArrayList<>();
  private final List<Event> events = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private int finishes;
  private int losses;
  private boolean ended;

  StreamingClient(ApiClient api) {
    this.api = api;
  }

  /** The request that begins the turn, or the same turn's if it began without a word. */
  abstract HttpRequest begin();

  /** The request that goes on behind an event. */
  abstract HttpRequest goOn(Event last);

  /** The request that reads the whole turn again. */
  abstract HttpRequest fromStart();

  /** The part of the answer in an event, perhaps nothing. */
  abstract String textOf(Event event);

  /** Whether the event says how the answer ended. */
  abstract boolean isFinish(Event event);

  /** Whether nothing comes behind the event. */
  abstract boolean isLast(Event event);

  /**
   * Streams until the answer's end, however often the connection is lost.
   *
   * @param onEvent called with each event, on this thread
   */
  final void run(Runnable onEvent) {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (!ended) {
      boolean opened = false;
      try (EventStream stream = api.open(events.isEmpty() ? begin() : goOn(lastEvent()))) {
        opened = true;
        connections.add(new Connection(System.currentTimeMillis(), events.size()));
        read(stream, onEvent);
      } catch (IOException e) {
        // lost, or nobody listens: the loop goes on
      }
      if (!ended) {
        losses += opened && !events.isEmpty() ? 1 : 0;
        assertThat(System.nanoTime())
            .as("an answer in time; so far: %s", this)
            .isLessThan(deadline);
        LockSupport.parkNanos(RETRY_PAUSE_NANOS);
      }
    }
  }

  private void read(EventStream stream, Runnable onEvent) throws IOException {
    for (Optional<Event> event = stream.next(); event.isPresent(); event = stream.next()) {
      if (event.get().id().isEmpty()) {
        return; // the server gave up on this stream, not on the turn
      }
      accept(event.get());
      onEvent.run();
    }
  }

  private void accept(Event event) {
    assertThat(ended).as("an event behind the end: %s", event).isFalse();
    events.add(event);
    text.append(textOf(event));
    finishes += isFinish(event) ? 1 : 0;
    ended = isLast(event);
  }

  private Event lastEvent() {
    return events.get(events.size() - 1);
  }

  /** All events, over all connections. */
  final List<Event> events() {
    return events;
  }

  /**
   * The events that came over the connections that were open before this time, however late they
   * were read.
   */
  final List<Event> eventsBefore(long epochMillis) {
    return connections.stream()
        .filter(connection -> connection.openedAtMillis() > epochMillis)
        .findFirst()
        .map(connection -> events.subList(0, connection.seenBefore()))
        .orElse(events);
  }

  /** How many of the answer's tokens were seen up to this event. */
  static int tokensSeen(Event event) {
    return Integer.parseInt(event.id().split("\\.")[2]);
  }

  /** How many of the answer's tokens were seen. */
  final int tokensSeen() {
    return events.isEmpty() ? 0 : tokensSeen(lastEvent());
  }

  /** The answer as this client saw it. */
  final String text() {
    return text.toString();
  }

  final int finishes() {
    return finishes;
  }

  /** How often a connection was lost between the first event and the last. */
  final int losses() {
    return losses;
  }

  final String session() {
    return events.get(0).id().split("\\.")[0];
  }

  final int turn() {
    return Integer.parseInt(events.get(0).id().split("\\.")[1]);
  }

  /** Where the turn is found; known with the first event. */
  final String turnPath() {
    return "/v1/sessions/" + session() + "/turns/" + turn();
  }

  @Override
  public String toString() {
    return getClass().getSimpleName()
        + (events.isEmpty() ? "" : " of " + turnPath() + " at " + lastEvent().id());
  }
}
