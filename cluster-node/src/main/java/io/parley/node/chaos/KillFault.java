package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.Targets.Target;
import java.util.ArrayList;
import java.util.List;

/** {@code kill -9} in mid-answer of what a stream needs: one node, or two at once. */
final class KillFault implements Fault {
  private enum Victim {
    OWNER,
    WORKER,
    EDGE,
    OWNER_AND_WORKER
  }

  private final String name;
  private final Victim victim;

  private KillFault(String name, Victim victim) {
    this.name = name;
    this.victim = victim;
  }

  /** The node with the stream's session. */
  static Fault owner() {
    return new KillFault("kill-owner", Victim.OWNER);
  }

  /** A node that computes answers. */
  static Fault worker() {
    return new KillFault("kill-worker", Victim.WORKER);
  }

  /** The node that the stream is read from. */
  static Fault edge() {
    return new KillFault("kill-edge", Victim.EDGE);
  }

  /** Two at once: with three session nodes no more than one of them may be lost. */
  static Fault ownerAndWorker() {
    return new KillFault("kill-two", Victim.OWNER_AND_WORKER);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int weight() {
    return victim == Victim.OWNER_AND_WORKER ? 6 : 12;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    return switch (victim) {
      case OWNER -> kill(run, Touches.ALL, Targets.owner(run));
      case EDGE -> kill(run, Touches.ALL, Targets.edge(run));
      case WORKER -> kill(run, Touches.NEW_ATTEMPTS, Targets.busyWorker(run));
      case OWNER_AND_WORKER -> {
        Target target = Targets.owner(run);
        List<NodeProcess> workers =
            run.workers().stream().filter(each -> !each.equals(target.node())).toList();
        yield kill(run, Touches.ALL, target, run.anyOf(workers));
      }
    };
  }

  private Injection kill(ChaosRun run, Touches touches, Target target, NodeProcess... more)
      throws InterruptedException {
    Injection injection = run.begin(name, touches, target.turns());
    List<NodeProcess> nodes = new ArrayList<>(List.of(target.node()));
    nodes.addAll(List.of(more));
    for (NodeProcess node : nodes) {
      injection.note("kill -9 of " + run.nameOf(node));
      node.kill();
    }
    // a node that came back at once would tell the others that it had died
    run.awaitGoneOn(injection);
    run.restart(nodes.toArray(NodeProcess[]::new));
    return injection;
  }
}
