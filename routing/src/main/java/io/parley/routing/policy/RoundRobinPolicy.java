package io.parley.routing.policy;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.WorkerMessage;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;

/**
 * The worker whose last turn is the longest ago; one that had none goes first. Workers that do not
 * ask are passed over and keep their turn.
 */
final class RoundRobinPolicy implements RoutingPolicy {
  private final Map<ActorRef<WorkerMessage>, Long> lastTurn = new HashMap<>();
  private long turns;

  @Override
  public Choice choose(WaitingWork work, Fleet fleet, long nowNanos) {
    lastTurn.keySet().retainAll(fleet.byWorker().keySet());
    Comparator<Candidate> longestAgo =
        Comparator.comparingLong(worker -> lastTurn.getOrDefault(worker.worker(), 0L));
    return new Choice.Take(fleet.waiting().stream().min(longestAgo).orElseThrow());
  }

  @Override
  public void handedOut(WaitingWork work, Candidate worker) {
    lastTurn.put(worker.worker(), ++turns);
  }
}
