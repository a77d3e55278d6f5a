package io.parley.node.http;

import java.util.concurrent.CompletableFuture;

/**
 * What is known of the client's connection.
 *
 * @param closed completes when the client has closed it while a request was in progress; where that
 *     cannot be told, never
 * @param terminated completes when nothing more can be sent on it
 */
public record Connection(CompletableFuture<Void> closed, CompletableFuture<Void> terminated) {
  /** One of which nothing is known yet. */
  public static Connection open() {
    return new Connection(new CompletableFuture<>(), new CompletableFuture<>());
  }

  /** The same connection, where a client that closes its side has not gone away. */
  Connection halfClosing() {
    return new Connection(new CompletableFuture<>(), terminated);
  }
}
