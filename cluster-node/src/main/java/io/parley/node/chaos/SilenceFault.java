package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.Targets.Target;

/**
 * A node that nobody hears of for a while, and that does not know it. The others give it up, so it
 * ends by itself when it is back, and is started again.
 *
 * <ul>
 *   <li>A network partition: it is cut off from the others, while it still reaches the journal and
 *       is reached by clients. Then the network is whole again.
 *   <li>SIGSTOP: it stands still, holds its connections, and then goes on as if nothing had been.
 * </ul>
 */
final class SilenceFault implements Fault {
  private static final int CUT_MILLIS_MIN = 15_000; // longer than it takes to give the node up
  private static final int CUT_MILLIS_MAX = 25_000;
  private static final long STALL_MILLIS = 12_000; // longer than parley.routing.worker-silence

  private enum How {
    CUT_OFF("cut off"),
    STOPPED("stood still");

    private final String words;

    How(String words) {
      this.words = words;
    }
  }

  private final String name;
  private final int weight;
  private final How how;
  private final boolean ofOwner;

  private SilenceFault(String name, int weight, How how, boolean ofOwner) {
    this.name = name;
    this.weight = weight;
    this.how = how;
    this.ofOwner = ofOwner;
  }

  /** The node with a stream's session is cut off: the minority of those that write. */
  static Fault cutOwner() {
    return new SilenceFault("partition", 8, How.CUT_OFF, true);
  }

  /** A node that computes answers is cut off. */
  static Fault cutWorker() {
    return new SilenceFault("partition-worker", 4, How.CUT_OFF, false);
  }

  /** The node with a stream's session stands still. */
  static Fault stopOwner() {
    return new SilenceFault("freeze-owner", 2, How.STOPPED, true);
  }

  /** A worker that stalls: it lives, holds its connections, and computes nothing. */
  static Fault stopWorker() {
    return new SilenceFault("stall-worker", 6, How.STOPPED, false);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int weight() {
    return weight;
  }

  @Override
  public boolean isPossible(ChaosRun run) {
    return how == How.STOPPED || run.cluster().network().canCut();
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Target target = ofOwner ? Targets.owner(run) : Targets.busyWorker(run);
    NodeProcess node = target.node();
    Injection injection =
        run.begin(name, ofOwner ? Touches.ALL : Touches.NEW_ATTEMPTS, target.turns());
    long millis = millis(run);
    injection.note("%s %s for %d s".formatted(run.nameOf(node), how.words, millis / 1000));
    silence(run, node);
    try {
      run.pauseMillis(millis);
    } finally {
      wake(run, node);
    }
    run.awaitGoneOn(injection);
    run.awaitWhole(node);
    return injection;
  }

  private long millis(ChaosRun run) {
    if (how == How.CUT_OFF) {
      return run.random().nextInt(CUT_MILLIS_MIN, CUT_MILLIS_MAX + 1);
    }
    return ofOwner ? run.plan().freeze().toMillis() : STALL_MILLIS;
  }

  private void silence(ChaosRun run, NodeProcess node) {
    if (how == How.CUT_OFF) {
      run.cluster().network().cut(run.cluster().nodes().indexOf(node));
    } else {
      node.freeze();
    }
  }

  private void wake(ChaosRun run, NodeProcess node) {
    if (how == How.CUT_OFF) {
      run.cluster().network().join(run.cluster().nodes().indexOf(node));
    } else {
      node.thaw();
    }
  }
}
