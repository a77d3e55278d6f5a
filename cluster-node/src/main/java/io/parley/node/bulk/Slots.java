package io.parley.node.bulk;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * How many records may run on this node at once, whatever partition they come from; who has to wait
 * waits in line.
 */
final class Slots {
  private int free; // guarded by this
  private final Deque<CompletableFuture<Void>> waiting = new ArrayDeque<>(); // guarded by this

  Slots(int count) {
    this.free = count;
  }

  /** Completes when there is one; then {@link #release()} must follow. */
  synchronized CompletionStage<Void> acquire() {
    if (free > 0) {
      free--;
      return CompletableFuture.completedFuture(null);
    }
    CompletableFuture<Void> place = new CompletableFuture<>();
    waiting.addLast(place);
    return place;
  }

  void release() {
    CompletableFuture<Void> next;
    synchronized (this) {
      next = waiting.pollFirst();
      if (next == null) {
        free++;
      }
    }
    if (next != null) {
      next.complete(null);
    }
  }
}
