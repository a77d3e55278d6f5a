package io.parley.routing.policy;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.WorkerLoad;
import io.parley.routing.protocol.WorkerMessage;
import java.util.Comparator;

/** A worker as its dispatcher sees it. */
public interface Candidate {
  /**
   * The least busy first: by the share of slots that are taken, then by free slots, then the one
   * that waits longest.
   */
  Comparator<Candidate> LEAST_LOADED =
      Comparator.comparingDouble(Candidate::busyShare)
          .thenComparing(Comparator.comparingInt(Candidate::freeSlots).reversed())
          .thenComparing(
              // a difference, because nanoTime may overflow
              (a, b) -> Long.signum(a.waitingSinceNanos() - b.waitingSinceNanos()));

  ActorRef<WorkerMessage> worker();

  /** What it reported, less what is on its way to it; not negative. */
  int freeSlots();

  WorkerLoad load();

  /** When it began to wait, on {@link System#nanoTime}'s clock. */
  long waitingSinceNanos();

  /** The share of its slots that are taken, 0 to 1; of one that does not say, 0 or 1. */
  default double busyShare() {
    int slots = load().slots();
    if (slots == 0) {
      return freeSlots() > 0 ? 0 : 1;
    }
    return Math.max(0, slots - freeSlots()) / (double) slots;
  }
}
