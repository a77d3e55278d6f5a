package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.Targets.Target;

/**
 * SIGSTOP: a node stands still for longer than the others wait, and then goes on as if nothing had
 * been. It was given up meanwhile, so it ends by itself, and is started again.
 */
final class FreezeFault implements Fault {
  private static final long WORKER_MILLIS = 12_000; // longer than parley.routing.worker-silence

  private final boolean ofOwner;

  private FreezeFault(boolean ofOwner) {
    this.ofOwner = ofOwner;
  }

  /** The node with a stream's session. */
  static Fault owner() {
    return new FreezeFault(true);
  }

  /** A worker that stalls: it lives, holds its connections, and computes nothing. */
  static Fault worker() {
    return new FreezeFault(false);
  }

  @Override
  public String name() {
    return ofOwner ? "freeze-owner" : "stall-worker";
  }

  @Override
  public int weight() {
    return ofOwner ? 2 : 6;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Target target = ofOwner ? Targets.owner(run) : Targets.busyWorker(run);
    NodeProcess node = target.node();
    Injection injection =
        run.begin(name(), ofOwner ? Touches.ALL : Touches.NEW_ATTEMPTS, target.turns());
    long millis = ofOwner ? run.plan().freeze().toMillis() : WORKER_MILLIS;
    injection.note("%s stood still for %d s".formatted(run.nameOf(node), millis / 1000));
    node.freeze();
    try {
      run.pauseMillis(millis);
    } finally {
      node.thaw();
    }
    run.awaitGoneOn(injection);
    run.awaitWhole(node);
    return injection;
  }
}
