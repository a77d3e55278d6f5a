package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.ObservedTurn.Api;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;

/**
 * One tenant asks for ten times as much as the workers can do at once. It is told to come again,
 * and the other tenants' turns all end.
 */
final class OverloadFault implements Fault {
  private static final int TIMES = 10;
  private static final int TOKENS = 40;

  @Override
  public String name() {
    return "overload";
  }

  @Override
  public int weight() {
    return 4;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Clients clients = run.clients();
    Tenant greedy = clients.greedy();
    List<ClientTurn> before = run.history().all();
    Injection injection =
        run.begin(name(), Touches.ALL, run.awaitMidAnswer(ClientTurn::isInMidAnswer));
    List<ClientTurn> turns = new ArrayList<>();
    List<Future<?>> calls = new ArrayList<>();
    int count = TIMES * run.withRole("worker").size() * ChaosPlan.SLOTS;
    for (int i = 0; i < count; i++) {
      ClientTurn turn = clients.turn(Api.WHOLE, greedy, "", "Me first.", TOKENS);
      run.history().close(turn.session());
      turns.add(turn);
      NodeProcess node = run.edges().nodes().get(i % run.edges().nodes().size());
      calls.add(clients.runWhole(turn, node, false));
    }
    Clients.await(calls);
    long refused =
        turns.stream()
            .filter(
                turn -> turn.observed().answers().stream().anyMatch(each -> each.status() == 429))
            .count();
    injection.note("%d of %d got 429".formatted(refused, count));
    injection.note(
        "others' first token %s ms, before %s ms"
            .formatted(
                slowest(
                    run.history().all().stream()
                        .filter(turn -> !before.contains(turn) && !turn.tenant().equals(greedy))
                        .toList()),
                slowest(before)));
    injection.proved(refused > 0 ? 1 : 0);
    return injection;
  }

  private static String slowest(List<ClientTurn> turns) {
    double[] millis =
        turns.stream()
            .map(ClientTurn::firstTokenMillis)
            .flatMap(Optional::stream)
            .mapToDouble(Double::doubleValue)
            .sorted()
            .toArray();
    return millis.length == 0
        ? "-"
        : "%.0f/%.0f".formatted(millis[millis.length / 2], millis[millis.length - 1]);
  }
}
