package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;

/** A node with a worker joins under load; when it has taken work it is stopped again. */
final class JoinFault implements Fault {
  @Override
  public String name() {
    return "join";
  }

  @Override
  public int weight() {
    return 5;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    NodeCluster cluster = run.cluster();
    Injection injection =
        run.begin(name(), Touches.ALL, run.awaitMidAnswer(ClientTurn::isInMidAnswer));
    NodeProcess joining;
    if (cluster.nodes().size() == run.members().size()) {
      joining = cluster.launch("worker", "--model", ChaosPlan.MODEL);
    } else {
      joining = cluster.nodes().get(run.members().size());
      cluster.launch(joining);
    }
    try {
      joining.awaitReady();
      long ready = System.nanoTime();
      run.await("work for a node that joined", () -> cluster.running(joining) > 0);
      injection.recoveredIn((System.nanoTime() - ready) / 1e6);
      injection.note(
          "ready %.1f s after its start".formatted((ready - injection.startNanos()) / 1e9));
      injection.proved(1);
    } finally {
      joining.stop();
    }
    run.awaitWhole();
    return injection;
  }
}
