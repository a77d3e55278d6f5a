package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.ObservedTurn.Api;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Future;

/**
 * A client goes away. With a key its turn goes on, and it comes back for it; without one the turn
 * ends, wherever it was.
 */
final class DisconnectFault implements Fault {
  private enum Phase {
    QUEUE,
    PREFILL,
    DECODE
  }

  private static final int TOKENS = 150;
  private static final int PARKED = 2; // parley.worker.parked-max
  private static final int LONG_PROMPT_WORDS = 2500; // some seconds of prefill

  private final Phase phase;

  private DisconnectFault(Phase phase) {
    this.phase = phase;
  }

  /** While the turn waits for a slot. */
  static Fault inQueue() {
    return new DisconnectFault(Phase.QUEUE);
  }

  /** While the prompt is computed. */
  static Fault inPrefill() {
    return new DisconnectFault(Phase.PREFILL);
  }

  /** Between two tokens. */
  static Fault inDecode() {
    return new DisconnectFault(Phase.DECODE);
  }

  @Override
  public String name() {
    return "disconnect-" + phase.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public int weight() {
    return phase == Phase.QUEUE ? 6 : 14;
  }

  @Override
  public Injection strike(ChaosRun run) throws InterruptedException {
    Clients clients = run.clients();
    boolean comesBack = run.random().nextBoolean();
    List<Future<?>> others = phase == Phase.QUEUE ? fillSlots(run) : List.of();
    ClientTurn turn = leaver(run, comesBack);
    TurnStream stream = stream(run, turn);
    Future<?> reading = clients.run(stream);
    awaitPhase(run, turn);
    Injection injection = run.begin(name(), Touches.NONE, List.of());
    boolean inPhase = phase == Phase.DECODE ? turn.isInMidAnswer() : tokens(turn) == 0;
    stream.leave();
    Clients.await(List.of(reading));
    if (comesBack) {
      turn.again();
      Clients.await(List.of(clients.run(stream(run, turn))));
      injection.note("it came back");
    } else {
      run.await("the end of a turn that nobody waits for", () -> hasEnded(run, turn));
      injection.recoveredIn((System.nanoTime() - injection.startNanos()) / 1e6);
    }
    Clients.await(others);
    run.history().close(turn.session());
    injection.proved(inPhase ? 1 : 0);
    return injection;
  }

  private ClientTurn leaver(ChaosRun run, boolean withKey) throws InterruptedException {
    Clients clients = run.clients();
    Tenant tenant = run.anyOf(clients.tenants());
    String prompt =
        phase == Phase.PREFILL
            ? "Think of ropes and maps. ".repeat(LONG_PROMPT_WORDS / 5)
            : "Tell me about gulls.";
    String session = clients.newSession(tenant);
    return clients.turn(
        Api.SESSION, tenant, session, withKey ? clients.newKey() : "", prompt, TOKENS);
  }

  private static TurnStream stream(ChaosRun run, ClientTurn turn) {
    return new TurnStream(
        run.edges(), turn, run.clients().anyEdge(run.random()), TurnStream.Pause.NONE);
  }

  private void awaitPhase(ChaosRun run, ClientTurn turn) throws InterruptedException {
    switch (phase) {
      case QUEUE -> run.pauseMillis(1_000);
      case PREFILL -> run.pauseMillis(700);
      case DECODE ->
          run.await("tokens of an answer", () -> turn.isInMidAnswer() || !turn.isRunning());
    }
  }

  private static int tokens(ClientTurn turn) {
    return turn.last().map(ObservedTurn.Seen::tokens).orElse(0);
  }

  /** More answers than the workers have room for. */
  private static List<Future<?>> fillSlots(ChaosRun run) throws InterruptedException {
    Clients clients = run.clients();
    int count = run.withRole("worker").size() * (ChaosPlan.SLOTS + PARKED) + 2;
    List<ClientTurn> turns = new ArrayList<>();
    List<Future<?>> streams = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Tenant tenant = clients.tenants().get(i % clients.tenants().size());
      ClientTurn turn = clients.turn(Api.CHAT, tenant, "", "Tell me about gulls.", TOKENS);
      run.history().close(turn.session());
      turns.add(turn);
      streams.add(clients.run(stream(run, turn)));
    }
    run.await(
        "workers without a free slot",
        () -> turns.stream().filter(turn -> turn.last().isPresent()).count() >= count / 2);
    return streams;
  }

  private static boolean hasEnded(ChaosRun run, ClientTurn turn) {
    try {
      return run.journal().events(turn.session(), turn.tenant()).stream()
          .anyMatch(event -> event.kind().isEnd());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
