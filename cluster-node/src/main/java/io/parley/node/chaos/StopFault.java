package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.Violation.Check;
import java.util.List;

/** Nodes stop in order under load, and come back: none of it may cost an answer. */
final class StopFault implements Fault {
  private final boolean all;

  private StopFault(boolean all) {
    this.all = all;
  }

  /** One node, as an operator drains it at another one. */
  static Fault drain() {
    return new StopFault(false);
  }

  /** One after the other, by SIGTERM. */
  static Fault rollingRestart() {
    return new StopFault(true);
  }

  @Override
  public String name() {
    return all ? "rolling-restart" : "drain";
  }

  @Override
  public int weight() {
    return all ? 2 : 8;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Injection injection =
        run.begin(name(), Touches.ALL, run.awaitMidAnswer(ClientTurn::isInMidAnswer));
    List<NodeProcess> nodes = all ? run.members() : List.of(run.anyOf(run.members()));
    for (NodeProcess node : nodes) {
      injection.watch(run.awaitMidAnswer(ClientTurn::isInMidAnswer));
      long begin = System.nanoTime();
      if (all) {
        node.terminate();
      } else {
        NodeProcess other = run.anyOf(run.members().stream().filter(each -> each != node).toList());
        run.cluster().drain(other, node);
      }
      node.awaitEnd();
      injection.note("%s in %.1f s".formatted(run.nameOf(node), (System.nanoTime() - begin) / 1e9));
      if (node.exitValue() != 0 && node.exitValue() != 143) {
        run.violated(
            Check.NODE_LIVES,
            run.nameOf(node),
            "was to stop in order, and ended with " + node.exitValue() + ": " + node.lastLine());
      }
      run.restart(node);
    }
    return injection;
  }
}
