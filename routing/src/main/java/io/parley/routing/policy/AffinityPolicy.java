package io.parley.routing.policy;

import akka.actor.typed.ActorRef;
import io.parley.routing.policy.PrefixMemory.Match;
import io.parley.routing.protocol.WorkerMessage;
import java.util.List;
import java.util.Optional;

/**
 * Delay scheduling on the KV cache. The rule:
 *
 * <ol>
 *   <li>A work whose conversation some worker holds (its last turn ran there, found by the hash
 *       chain over its messages) goes to that worker. When that one does not ask for a work just
 *       now, the work waits for it, from when another worker could have had it: for half of what
 *       computing the prompt again would take, and {@code wait-max} at most. Then anyone may take
 *       it.
 *   <li>A work whose beginning several conversations share (instructions, a common question) waits
 *       for nobody; it prefers a worker that has the beginning among those that ask.
 *   <li>A worker attracts nothing because of its cache while its share of taken slots is more than
 *       {@code load-gap} above that of the least busy one that asks; half of that for a shared
 *       beginning. So a hot prefix spreads, and a busy worker gets no busier for what it holds.
 *   <li>Else, the least busy one gets it.
 * </ol>
 */
final class AffinityPolicy implements RoutingPolicy {
  private static final double SHARE_OF_PREFILL = 0.5;
  private static final double CHARS_PER_TOKEN = 4;

  private final AffinitySettings settings;
  private final PrefixMemory memory;

  AffinityPolicy(AffinitySettings settings) {
    this.settings = settings;
    this.memory = new PrefixMemory(settings.prefixesMax());
  }

  @Override
  public Choice choose(WaitingWork work, Fleet fleet, long nowNanos) {
    Candidate idlest = fleet.leastLoaded();
    Match match = memory.longest(work);
    double gap = match.own() ? settings.loadGap() : settings.loadGap() / 2;
    double busyMost = idlest.busyShare() + gap;
    if (!match.own()) {
      return new Choice.Take(holderThatWaits(match.holders(), fleet, busyMost).orElse(idlest));
    }
    List<ActorRef<WorkerMessage>> holders = match.holders();
    Optional<Candidate> holder = fleet.find(holders.get(holders.size() - 1));
    if (holder.isEmpty() || holder.get().busyShare() > busyMost) {
      return new Choice.Take(idlest);
    }
    if (fleet.waiting().contains(holder.get())) {
      return new Choice.Take(holder.get());
    }
    long until = work.declines(nowNanos) + patienceNanos(match.chars(), holder.get());
    return until - nowNanos > 0 ? new Choice.WaitUntil(until) : new Choice.Take(idlest);
  }

  private static Optional<Candidate> holderThatWaits(
      List<ActorRef<WorkerMessage>> holders, Fleet fleet, double busyMost) {
    return fleet.waiting().stream()
        .map(Candidate.class::cast)
        .filter(worker -> worker.busyShare() <= busyMost && holders.contains(worker.worker()))
        .min(Candidate.LEAST_LOADED);
  }

  private long patienceNanos(int chars, Candidate holder) {
    double measured = holder.load().prefillTokensPerSecond();
    double tokensPerSecond = measured > 0 ? measured : settings.prefillTokensPerSecond();
    double seconds = SHARE_OF_PREFILL * chars / CHARS_PER_TOKEN / tokensPerSecond;
    return (long) Math.min(seconds * 1e9, (double) settings.waitMax().toNanos());
  }

  @Override
  public void handedOut(WaitingWork work, Candidate worker) {
    memory.remember(work, worker.worker());
  }
}
