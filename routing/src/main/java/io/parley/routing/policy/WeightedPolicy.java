package io.parley.routing.policy;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.WorkerMessage;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;

/**
 * The worker that had the fewest works for its weight ({@code parley.worker.weight} on its node). A
 * worker of weight 3 gets three works where one of weight 1 gets one, while both ask; one that did
 * not ask for a while does not get what it missed.
 */
final class WeightedPolicy implements RoutingPolicy {
  /** Works by weight, of those that are in the fleet. */
  private final Map<ActorRef<WorkerMessage>, Double> had = new HashMap<>();

  private double least;

  @Override
  public Choice choose(WaitingWork work, Fleet fleet, long nowNanos) {
    had.keySet().retainAll(fleet.byWorker().keySet());
    Comparator<Candidate> fewest = Comparator.comparingDouble(this::share);
    return new Choice.Take(fleet.waiting().stream().min(fewest).orElseThrow());
  }

  @Override
  public void handedOut(WaitingWork work, Candidate worker) {
    least = share(worker);
    had.put(worker.worker(), least + 1 / worker.load().weight());
  }

  private double share(Candidate worker) {
    double missed = least - 1 / worker.load().weight();
    return Math.max(missed, had.getOrDefault(worker.worker(), least));
  }
}
