package io.parley.node.http;

/**
 * What is known of the client's connection.
 *
 * @param closed the client has closed it while a request was in progress
 * @param terminated nothing more can be sent on it
 */
public record Connection(Signal closed, Signal terminated) {
  /** One of which nothing is known yet. */
  public static Connection open() {
    return new Connection(new Signal(), new Signal());
  }

  /**
   * The same connection, where a client that closes its side may still read: it has gone away only
   * when nothing can be sent to it.
   */
  Connection halfClosing() {
    return new Connection(terminated, terminated);
  }
}
