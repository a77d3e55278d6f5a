package io.parley.node.chaos;

import io.parley.node.chaos.ChaosRun.Owners;
import io.parley.node.chaos.Injection.Touches;
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
      case OWNER -> {
        NodeProcess node = Targets.owner(run);
        Owners owners = run.new Owners();
        yield kill(
            run,
            Touches.ALL,
            run.awaitMidAnswer(turn -> owners.isAt(turn, node) && !ChaosRun.isAskedAt(turn, node)),
            node);
      }
      case EDGE -> {
        Owners owners = run.new Owners();
        NodeProcess node = Targets.edge(run, owners);
        yield kill(
            run,
            Touches.ALL,
            run.awaitMidAnswer(turn -> ChaosRun.isAskedAt(turn, node) && !owners.isAt(turn, node)),
            node);
      }
      case WORKER -> {
        NodeProcess node = Targets.busyWorker(run);
        yield kill(run, Touches.NEW_ATTEMPTS, run.midAnswer(), node);
      }
      case OWNER_AND_WORKER -> {
        NodeProcess node = Targets.owner(run);
        Owners owners = run.new Owners();
        NodeProcess worker =
            run.anyOf(run.workers().stream().filter(each -> each != node).toList());
        yield kill(
            run, Touches.ALL, run.awaitMidAnswer(turn -> owners.isAt(turn, node)), node, worker);
      }
    };
  }

  private Injection kill(
      ChaosRun run, Touches touches, List<ClientTurn> watched, NodeProcess... nodes)
      throws InterruptedException {
    Injection injection = run.begin(name, touches, watched);
    for (NodeProcess node : nodes) {
      injection.note("kill -9 of " + run.nameOf(node));
      node.kill();
    }
    // a node that came back at once would tell the others that it had died
    run.awaitGoneOn(injection);
    run.restart(nodes);
    return injection;
  }
}
