package io.parley.routing.policy;

/**
 * Which of the workers that ask for a work gets one. A policy picks among those that wait; it never
 * brings a work to one that did not ask. One instance serves one model of one dispatcher, and is
 * called by that dispatcher's thread alone, so it is quick and needs no locks.
 */
public interface RoutingPolicy {
  /**
   * Chooses a worker for a work, or lets the work wait a little. The dispatcher asks again when
   * another worker waits, and at the end of the wait; meanwhile the works behind it are asked for.
   *
   * @param fleet who serves the work's model; at least one of them waits
   */
  Choice choose(WaitingWork work, Fleet fleet, long nowNanos);

  /** The work is on its way to this worker. */
  default void handedOut(WaitingWork work, Candidate worker) {}

  /** What becomes of a work. */
  sealed interface Choice {
    /** This worker, one of those that wait, gets it. */
    record Take(Candidate worker) implements Choice {}

    /** It waits for a certain worker, but no longer than so, on {@link System#nanoTime}'s clock. */
    record WaitUntil(long nanos) implements Choice {}
  }
}
