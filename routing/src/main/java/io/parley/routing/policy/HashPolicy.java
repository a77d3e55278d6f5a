package io.parley.routing.policy;

import akka.actor.ActorPath;
import java.time.Duration;
import java.util.Comparator;

/**
 * Rendezvous hashing: a conversation's messages up to the user's first (of one tenant and model)
 * put all workers in an order, and the first of them gets all its turns, without a memory and alike
 * at every dispatcher. When that one does not ask for a work, the work waits for it, {@code
 * affinity.wait-max} at most; then the first in the order that asks gets it. A worker that comes or
 * goes moves only the conversations that are its own.
 */
final class HashPolicy implements RoutingPolicy {
  private final Duration waitMax;

  HashPolicy(Duration waitMax) {
    this.waitMax = waitMax;
  }

  @Override
  public Choice choose(WaitingWork work, Fleet fleet, long nowNanos) {
    long key = work.prefixes().opening();
    Comparator<Candidate> order =
        Comparator.comparingLong(worker -> PrefixChain.mix(key, identity(worker)));
    Candidate first = fleet.all().stream().min(order).orElseThrow();
    Candidate firstThatWaits = fleet.waiting().stream().min(order).orElseThrow();
    if (first.worker().equals(firstThatWaits.worker())) {
      return new Choice.Take(firstThatWaits);
    }
    long until = work.declines(nowNanos) + waitMax.toNanos();
    return until - nowNanos > 0 ? new Choice.WaitUntil(until) : new Choice.Take(firstThatWaits);
  }

  /** The same at each node, which the address in a path is not; the uid is random. */
  private static long identity(Candidate worker) {
    ActorPath path = worker.worker().path();
    return PrefixChain.mix(path.uid(), path.name().hashCode());
  }
}
