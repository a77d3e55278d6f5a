package io.parley.routing.policy;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.OptionalLong;

/** A work in a queue, and what is known of its wait. Used by the dispatcher's thread alone. */
public final class WaitingWork {
  private final Work work;
  private final long sinceNanos;
  private OptionalLong declinedSinceNanos = OptionalLong.empty();
  private PrefixChain prefixes; // made when it is first asked for

  /**
   * A work that begins to wait.
   *
   * @param sinceNanos on {@link System#nanoTime}'s clock
   */
  public WaitingWork(Work work, long sinceNanos) {
    this.work = work;
    this.sinceNanos = sinceNanos;
  }

  public Work work() {
    return work;
  }

  public AttemptId id() {
    return work.id();
  }

  public TenantId tenant() {
    return work.id().session().tenant();
  }

  public long sinceNanos() {
    return sinceNanos;
  }

  /** Hashes over the beginnings of its messages. */
  public PrefixChain prefixes() {
    if (prefixes == null) {
      prefixes = PrefixChain.of(work);
    }
    return prefixes;
  }

  /**
   * Notes that a worker could have had it, and was declined for a better one.
   *
   * @return since when it declines: waits count from there, so that a long queue does not use them
   *     up
   */
  public long declines(long nowNanos) {
    if (declinedSinceNanos.isEmpty()) {
      declinedSinceNanos = OptionalLong.of(nowNanos);
    }
    return declinedSinceNanos.getAsLong();
  }
}
