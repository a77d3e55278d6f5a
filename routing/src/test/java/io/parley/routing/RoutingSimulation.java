package io.parley.routing;

import io.parley.routing.SimulatedWorker.Done;
import io.parley.routing.SimulatedWorker.Turn;
import io.parley.routing.policy.PolicyName;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerLoad;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.PriorityQueue;
import java.util.Random;

/**
 * Conversations over simulated workers in virtual time: the real queue, policy and bookkeeping of a
 * dispatcher ({@link ModelLane}, {@link WorkStream}), a simulated network and simulated engines.
 * The same seed gives the same figures.
 */
final class RoutingSimulation {
  private static final long MILLISECOND = 1_000_000;
  private static final long NETWORK = MILLISECOND / 2;
  private static final int CHARS_PER_TOKEN = 4;

  /**
   * A load.
   *
   * @param users conversations at once, each with one turn at a time
   * @param thinkMillis mean of the time between an answer and the next turn
   * @param sharedTokens of a beginning that all conversations have
   * @param cacheTokens that each worker's cache holds
   * @param slowestBy how much slower the first worker is than the others
   * @param heavyUsers of these, how many have long conversations and do not think
   * @param seconds of virtual time
   */
  record Load(
      int workers,
      int slots,
      int users,
      double thinkMillis,
      int sharedTokens,
      int cacheTokens,
      double slowestBy,
      int heavyUsers,
      int seconds) {}

  /**
   * Figures.
   *
   * @param hitRate of the turns after a conversation's first, how many found all of its last turn
   *     in the worker's cache
   * @param busyLeast of the least busy worker, the share of its slots that were taken on average
   * @param idleWhileWaiting share of the time in which a work waited and a worker had nothing to do
   */
  record Figures(
      double hitRate,
      double firstTokenP50Millis,
      double firstTokenP99Millis,
      double queueP99Millis,
      double turnsPerSecond,
      double tokensPerSecond,
      double busyLeast,
      double busyMost,
      double idleWhileWaiting) {}

  private record Event(long nanos, long order, Runnable action) {}

  private final Load load;
  private final Random random;
  private final ModelLane lane;
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::nanos).thenComparingLong(Event::order));
  private final List<SimulatedWorker> workers = new ArrayList<>();
  private final Map<SimulatedWorker, WorkStream> streams = new HashMap<>();
  private final Map<SimulatedWorker, Boolean> asks = new HashMap<>();
  private final Map<AttemptId, Turn> turns = new HashMap<>();
  private final Map<AttemptId, Long> submitted = new HashMap<>();
  private final List<List<Message>> conversations = new ArrayList<>();
  private final List<Integer> tokens = new ArrayList<>();
  private final List<Double> firstTokens = new ArrayList<>();
  private final List<Double> queued = new ArrayList<>();
  private long now;
  private long orders;
  private int followUps;
  private int hits;
  private int done;
  private long answered;
  private int conversationsMade;
  private long lastChangeNanos;
  private long idleWhileWaiting;

  private RoutingSimulation(Load load, PolicyName policy, long seed) {
    this.load = load;
    this.random = new Random(seed);
    this.lane = new ModelLane(Fixtures.MODEL.id(), Fixtures.settings("policy = " + policy));
    for (int i = 0; i < load.workers(); i++) {
      addWorker(
          new SimulatedWorker(load.slots(), load.cacheTokens(), i == 0 ? load.slowestBy() : 1));
    }
    for (int user = 0; user < load.users(); user++) {
      conversations.add(new ArrayList<>());
      tokens.add(0);
      int who = user;
      at((long) (random.nextDouble() * load.thinkMillis() * MILLISECOND), () -> nextTurn(who));
    }
  }

  static Figures run(Load load, PolicyName policy, long seed) {
    RoutingSimulation simulation = new RoutingSimulation(load, policy, seed);
    simulation.run();
    return simulation.figures();
  }

  private void run() {
    long end = load.seconds() * 1000L * MILLISECOND;
    while (!events.isEmpty() && events.peek().nanos() < end) {
      Event event = events.remove();
      boolean wastes = !lane.queue().isEmpty() && workers.stream().anyMatch(w -> w.isIdle());
      idleWhileWaiting += wastes ? event.nanos() - now : 0;
      now = event.nanos();
      event.action().run();
    }
    lastChangeNanos = end;
  }

  private void at(long nanos, Runnable action) {
    events.add(new Event(nanos, ++orders, action));
  }

  private void addWorker(SimulatedWorker worker) {
    workers.add(worker);
    WorkSource.Handle handle =
        new WorkSource.Handle() {
          @Override
          public void push(Work work) {
            at(now + NETWORK, () -> arrives(worker, work));
          }

          @Override
          public void complete() {}
        };
    WorkStream stream = new WorkStream(workers.size(), worker.ref, Fixtures.MODEL.id(), handle);
    streams.put(worker, stream);
    report(worker);
    lane.add(stream);
    ask(worker);
  }

  private void report(SimulatedWorker worker) {
    WorkerLoad said = new WorkerLoad(worker.slots, 1, worker.firstTokenMillis(), 4000);
    streams.get(worker).report(worker.free(), said, now);
  }

  private void ask(SimulatedWorker worker) {
    if (worker.free() > 0 && !asks.getOrDefault(worker, false)) {
      asks.put(worker, true);
      at(
          now + NETWORK,
          () -> {
            streams.get(worker).pulled(now);
            handOut();
          });
    }
  }

  private void handOut() {
    OptionalLong again = lane.handOut(now, (work, stream) -> {});
    again.ifPresent(nanos -> at(Math.max(now + 1, nanos), this::handOut));
  }

  private void nextTurn(int user) {
    List<Message> messages = conversations.get(user);
    boolean heavy = user < load.heavyUsers();
    boolean over = tokens.get(user) > (heavy ? 12_000 : 4_000) || random.nextInt(12) == 0;
    if (messages.isEmpty() || over) {
      messages.clear();
      if (load.sharedTokens() > 0) {
        messages.add(new Message(Role.SYSTEM, text("shared", load.sharedTokens())));
      }
      tokens.set(user, load.sharedTokens());
      conversationsMade++;
    }
    int input = (heavy ? 400 : 40) + random.nextInt(80);
    int history = tokens.get(user);
    messages.add(new Message(Role.USER, text("q" + ++orders, input)));
    int answer = 40 + random.nextInt(120);
    Work work =
        Fixtures.with(
            Fixtures.work(
                TenantId.DEFAULT,
                "c" + conversationsMade,
                ++done,
                1,
                Priority.INTERACTIVE,
                Long.MAX_VALUE),
            messages);
    boolean first = history == load.sharedTokens();
    turns.put(
        work.id(), new Turn(work.id(), user, first, load.sharedTokens(), history, input, answer));
    submitted.put(work.id(), now);
    if (!(lane.offer(work, now, now / MILLISECOND) instanceof ModelLane.Offer.Queued)) {
      throw new IllegalStateException("the queue is meant to be large enough");
    }
    handOut();
  }

  private static String text(String unique, int tokens) {
    return unique + " ".repeat(Math.max(0, tokens * CHARS_PER_TOKEN - unique.length()));
  }

  private void arrives(SimulatedWorker worker, Work work) {
    boolean wasIdle = worker.isIdle();
    queued.add((now - submitted.get(work.id())) / 1e6);
    worker.start(turns.get(work.id()));
    asks.put(worker, false);
    at(
        now + NETWORK,
        () -> {
          streams.get(worker).confirm(work.id());
          report(worker);
          handOut();
        });
    ask(worker);
    if (wasIdle) {
      iterate(worker);
    }
  }

  private void iterate(SimulatedWorker worker) {
    SimulatedWorker.Iteration iteration = worker.iterate(now);
    at(
        iteration.endNanos(),
        () -> {
          worker.complete(iteration);
          iteration.done().forEach(ended -> ended(worker, ended));
          if (!iteration.done().isEmpty()) {
            at(
                now + NETWORK,
                () -> {
                  report(worker);
                  handOut();
                });
            ask(worker);
          }
          if (!worker.isIdle()) {
            iterate(worker);
          }
        });
  }

  private void ended(SimulatedWorker worker, Done end) {
    Turn turn = end.turn();
    double firstToken = (end.firstTokenNanos() - submitted.remove(turn.id())) / 1e6;
    firstTokens.add(firstToken);
    worker.measuredFirstToken(firstToken);
    turns.remove(turn.id());
    if (!turn.first()) {
      followUps++;
      hits += end.cachedTokens() >= turn.historyTokens() ? 1 : 0;
    }
    answered += turn.answerTokens();
    List<Message> messages = conversations.get(turn.user());
    messages.add(new Message(Role.ASSISTANT, text("a" + ++orders, turn.answerTokens())));
    tokens.set(turn.user(), turn.promptTokens() + turn.answerTokens());
    boolean heavy = turn.user() < load.heavyUsers();
    double think = heavy ? 0 : -Math.log(1 - random.nextDouble()) * load.thinkMillis();
    at(now + (long) (think * MILLISECOND) + 1, () -> nextTurn(turn.user()));
  }

  private Figures figures() {
    double seconds = load.seconds();
    double[] busy =
        workers.stream().mapToDouble(w -> w.slotNanos / (seconds * 1e9) / w.slots).toArray();
    return new Figures(
        hits / (double) Math.max(1, followUps),
        quantile(firstTokens, 0.5),
        quantile(firstTokens, 0.99),
        quantile(queued, 0.99),
        firstTokens.size() / seconds,
        answered / seconds,
        Arrays.stream(busy).min().orElseThrow(),
        Arrays.stream(busy).max().orElseThrow(),
        idleWhileWaiting / (double) lastChangeNanos);
  }

  private static double quantile(List<Double> values, double q) {
    List<Double> sorted = values.stream().sorted().toList();
    return sorted.isEmpty() ? 0 : sorted.get((int) (q * (sorted.size() - 1)));
  }
}
