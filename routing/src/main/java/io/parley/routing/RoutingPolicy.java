package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import java.util.List;
import java.util.Optional;

/**
 * Which of the workers that wait gets a work. Called by the dispatcher's thread, so it is quick.
 */
@FunctionalInterface
public interface RoutingPolicy {
  /**
   * Chooses one of {@code waiting}, or none: then the work stays in the queue, and the question
   * comes again when a worker's load changes or another one waits.
   *
   * @param waiting workers that serve the work's model and whose stream wants a work; not empty
   */
  Optional<WaitingWorker> choose(Work work, List<WaitingWorker> waiting);

  /**
   * A worker whose stream wants a work.
   *
   * @param freeSlots what it reported, less what is on its way to it; not negative
   * @param waitingSinceNanos when it began to wait, on {@link System#nanoTime}'s clock
   */
  record WaitingWorker(ActorRef<WorkerMessage> worker, int freeSlots, long waitingSinceNanos) {}

  /**
   * The worker with the most free slots; among equals the one that waits longest. A worker without
   * a free slot gets nothing, though its stream has room: a work bound to it could start sooner
   * elsewhere.
   */
  static RoutingPolicy mostFreeSlots() {
    return (work, waiting) -> {
      WaitingWorker best = null;
      for (WaitingWorker candidate : waiting) {
        if (candidate.freeSlots() > 0 && (best == null || isBetter(candidate, best))) {
          best = candidate;
        }
      }
      return Optional.ofNullable(best);
    };
  }

  private static boolean isBetter(WaitingWorker candidate, WaitingWorker best) {
    return candidate.freeSlots() != best.freeSlots()
        ? candidate.freeSlots() > best.freeSlots()
        : candidate.waitingSinceNanos() - best.waitingSinceNanos() < 0;
  }
}
