package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;

/** The journal's Cassandra is away for a while; nobody loses more than time. */
final class JournalFault implements Fault {
  private final boolean killed;

  private JournalFault(boolean killed) {
    this.killed = killed;
  }

  /** It stands still, with all its connections. */
  static Fault frozen() {
    return new JournalFault(false);
  }

  /** {@code kill -9}; it is started again at once, over what it had on disk. */
  static Fault killed() {
    return new JournalFault(true);
  }

  @Override
  public String name() {
    return killed ? "kill-cassandra" : "freeze-cassandra";
  }

  @Override
  public int weight() {
    return killed ? 4 : 2;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Injection injection =
        run.begin(name(), Touches.ALL, run.awaitMidAnswer(ClientTurn::isInMidAnswer));
    long pid = run.cluster().cassandra().pid();
    if (killed) {
      Signals.send(pid, "KILL");
    } else {
      Signals.send(pid, "STOP");
      try {
        run.pauseMillis(run.plan().outage().toMillis());
      } finally {
        Signals.send(pid, "CONT");
      }
    }
    run.awaitGoneOn(injection);
    run.awaitWhole();
    return injection;
  }
}
