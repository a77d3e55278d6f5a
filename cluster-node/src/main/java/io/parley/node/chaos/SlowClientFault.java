package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.ObservedTurn.Api;
import io.parley.node.chaos.ObservedTurn.Outcome;
import java.util.List;

/** A client reads nothing for a while; it misses nothing, and nobody else waits for it. */
final class SlowClientFault implements Fault {
  private static final int TOKENS = 300;
  private static final TurnStream.Pause PAUSE = new TurnStream.Pause(20, 6_000);

  @Override
  public String name() {
    return "slow-client";
  }

  @Override
  public int weight() {
    return 10;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Clients clients = run.clients();
    ClientTurn turn =
        clients.turn(
            run.random().nextBoolean() ? Api.CHAT : Api.RESPONSE,
            run.anyOf(clients.tenants()),
            "",
            "Tell me a long story.",
            TOKENS);
    Injection injection = run.begin(name(), Touches.ALL, run.midAnswer());
    Clients.await(
        List.of(
            clients.run(new TurnStream(run.edges(), turn, clients.anyEdge(run.random()), PAUSE))));
    run.history().close(turn.session());
    injection.proved(turn.outcome() == Outcome.COMPLETED ? 1 : 0);
    return injection;
  }
}
