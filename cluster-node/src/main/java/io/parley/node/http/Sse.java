package io.parley.node.http;

import akka.util.ByteString;
import java.util.Optional;

/** Server-sent events. The data is JSON on one line, so it needs no splitting. */
public final class Sse {
  /**
   * A comment: keeps the connection alive and is no event. No empty line follows it: behind one,
   * the official client of Python sees an event without data whenever an id came before.
   */
  public static final ByteString KEEP_ALIVE = ByteString.fromString(": keep-alive\n");

  private Sse() {}

  /** An event with an id and no name. */
  public static ByteString event(EventId id, String data) {
    return ByteString.fromString("id: " + id + "\ndata: " + data + "\n\n");
  }

  /** An event with a name, and perhaps an id. */
  public static ByteString event(Optional<EventId> id, String name, String data) {
    String first = id.map(i -> "id: " + i + "\n").orElse("");
    return ByteString.fromString(first + "event: " + name + "\ndata: " + data + "\n\n");
  }

  /** An event that says, too, how soon a client may connect again that lost its connection. */
  public static ByteString withRetry(int millis, ByteString event) {
    return ByteString.fromString("retry: " + millis + "\n").concat(event);
  }

  /** An event with data alone. */
  public static ByteString data(String data) {
    return ByteString.fromString("data: " + data + "\n\n");
  }
}
