package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.ObservedTurn.Api;
import io.parley.node.chaos.ObservedTurn.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

/** Many callers send one request with one key, at all nodes at once: there is one turn. */
final class SameKeyFault implements Fault {
  private static final int CALLERS = 12;
  private static final int TOKENS = 60;

  @Override
  public String name() {
    return "same-key";
  }

  @Override
  public int weight() {
    return 14;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Clients clients = run.clients();
    Tenant tenant = run.anyOf(clients.tenants());
    String key = clients.newKey();
    String session = Clients.sessionOf(tenant, key);
    Injection injection = run.begin(name(), Touches.NONE, List.of());
    List<ClientTurn> turns = new ArrayList<>();
    List<Future<?>> calls = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      Api api = i % 2 == 0 ? Api.CHAT : Api.WHOLE;
      ClientTurn turn = clients.turn(api, tenant, session, key, "Tell me of one ship.", TOKENS);
      NodeProcess node = run.edges().nodes().get(i % run.edges().nodes().size());
      turns.add(turn);
      calls.add(
          api == Api.WHOLE
              ? clients.runWhole(turn, node, true)
              : clients.run(new TurnStream(run.edges(), turn, node, TurnStream.Pause.NONE)));
    }
    Clients.await(calls);
    run.history().close(session);
    boolean all = turns.stream().allMatch(turn -> turn.outcome() == Outcome.COMPLETED);
    injection.proved(all ? 1 : 0);
    return injection;
  }
}
