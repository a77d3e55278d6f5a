package io.parley.routing.policy;

import java.util.Comparator;

/**
 * The worker whose works got their first token soonest of late, by its own measurement, stretched
 * by its load: the time of an idle one counts once, of one with all slots taken twice. One that has
 * measured nothing yet goes first, so that it is measured; among equals the least busy.
 */
final class LeastLatencyPolicy implements RoutingPolicy {
  private static final Comparator<Candidate> SOONEST =
      Comparator.<Candidate>comparingDouble(
              worker -> worker.load().firstTokenMillis() * (1 + worker.busyShare()))
          .thenComparing(Candidate.LEAST_LOADED);

  @Override
  public Choice choose(WaitingWork work, Fleet fleet, long nowNanos) {
    return new Choice.Take(fleet.waiting().stream().min(SOONEST).orElseThrow());
  }
}
