package io.parley.routing.policy;

/**
 * The worker with the smallest share of taken slots; among equals the one with more free slots,
 * then the one that waits longest.
 */
final class LeastLoadedPolicy implements RoutingPolicy {
  @Override
  public Choice choose(WaitingWork work, Fleet fleet, long nowNanos) {
    return new Choice.Take(fleet.leastLoaded());
  }
}
