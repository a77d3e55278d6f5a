package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.Targets.Target;

/**
 * A network partition: one node is cut off from the others, while it still reaches the journal and
 * is reached by clients. Then the network is whole again. The node has ended by then, and is
 * started again.
 */
final class CutFault implements Fault {
  private static final int MILLIS_MIN = 15_000; // longer than it takes to give the node up
  private static final int MILLIS_MAX = 25_000;

  private final boolean ofOwner;

  private CutFault(boolean ofOwner) {
    this.ofOwner = ofOwner;
  }

  /** The node with a stream's session: the minority of those that write. */
  static Fault owner() {
    return new CutFault(true);
  }

  /** A node that computes answers. */
  static Fault worker() {
    return new CutFault(false);
  }

  @Override
  public String name() {
    return ofOwner ? "partition" : "partition-worker";
  }

  @Override
  public int weight() {
    return ofOwner ? 8 : 4;
  }

  @Override
  public boolean isPossible(ChaosRun run) {
    return run.cluster().network().canCut();
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Target target = ofOwner ? Targets.owner(run) : Targets.busyWorker(run);
    NodeProcess node = target.node();
    Injection injection =
        run.begin(name(), ofOwner ? Touches.ALL : Touches.NEW_ATTEMPTS, target.turns());
    NodeNetwork network = run.cluster().network();
    int number = run.cluster().nodes().indexOf(node);
    long millis = run.random().nextInt(MILLIS_MIN, MILLIS_MAX + 1);
    injection.note("%s cut off for %d s".formatted(run.nameOf(node), millis / 1000));
    network.cut(number);
    try {
      run.pauseMillis(millis);
    } finally {
      network.join(number);
    }
    run.awaitGoneOn(injection);
    run.awaitWhole(node);
    return injection;
  }
}
