package io.parley.node.chaos;

import io.parley.node.chaos.ChaosRun.Owners;
import java.util.List;

/** Chooses whom a fault strikes, so that it strikes a stream in mid-answer. */
final class Targets {
  private Targets() {}

  /** A node with the session of a stream that is read from another one. */
  static NodeProcess owner(ChaosRun run) throws InterruptedException {
    Owners owners = run.new Owners();
    List<ClientTurn> turns =
        run.awaitMidAnswer(
            turn -> owners.of(turn).stream().anyMatch(node -> !ChaosRun.isAskedAt(turn, node)));
    return owners.of(run.anyOf(turns)).orElseThrow();
  }

  /** A node from which a stream is read whose session is elsewhere. */
  static NodeProcess edge(ChaosRun run, Owners owners) throws InterruptedException {
    List<ClientTurn> turns =
        run.awaitMidAnswer(turn -> turn.edge().stream().anyMatch(node -> !owners.isAt(turn, node)));
    return run.anyOf(turns).edge().orElseThrow();
  }

  /** A node that computes answers now. */
  static NodeProcess busyWorker(ChaosRun run) throws InterruptedException {
    List<NodeProcess> workers = run.workers();
    NodeProcess[] found = new NodeProcess[1];
    run.await(
        "a busy worker",
        () -> {
          NodeProcess worker = run.anyOf(workers);
          if (run.cluster().running(worker) >= 2 && !run.midAnswer().isEmpty()) {
            found[0] = worker;
          }
          return found[0] != null;
        });
    return found[0];
  }
}
