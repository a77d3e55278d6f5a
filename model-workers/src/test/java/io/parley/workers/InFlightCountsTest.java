package io.parley.workers;

import static io.parley.workers.WorkerNode.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.Dispatcher;
import io.parley.routing.Dispatcher.Inspection;
import io.parley.routing.Dispatchers;
import io.parley.routing.RoutingSettings;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.workers.replica.TimedReplica;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What dispatchers believe of workers stays true, whoever dies and however many there are. */
class InFlightCountsTest {
  private static final int DISPATCHERS = 4;
  private static final int WORKERS = 5;
  private static final int SLOTS = 3;
  private static final int WORKS = 600;

  private final ActorTestKit kit =
      ActorTestKit.create(
          "counts",
          ConfigFactory.parseString(
                  """
                  akka.loglevel = WARNING
                  parley.worker { load-report-interval = 100ms, group-interval = 10ms }
                  """)
              .withFallback(ConfigFactory.load()));
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private final ModelInfo model = WorkerNode.newModel();
  private final AtomicInteger finished = new AtomicInteger();
  private final Queue<AttemptId> order = new ConcurrentLinkedQueue<>();
  private final FakeSessions sessions =
      new FakeSessions(
          kit.system(),
          work -> {
            order.add(work.id());
            finished.incrementAndGet();
          });
  private final Map<AttemptId, ActorRef<WorkerMessage>> watched = new ConcurrentHashMap<>();
  private final Random random = new Random(3);

  @AfterEach
  void stop() {
    kit.shutdownTestKit();
    timer.shutdownNow();
  }

  @Test
  void countsAreExactWhenAllIsDoneThoughWorkersAndADispatcherDied() {
    List<ActorRef<Dispatcher.Command>> dispatchers = new ArrayList<>();
    RoutingSettings settings = RoutingSettings.from(kit.system().settings().config());
    for (int i = 0; i < DISPATCHERS; i++) {
      dispatchers.add(kit.spawn(Dispatchers.behavior(settings, id -> true, this::report)));
    }
    List<ActorRef<ModelWorker.Command>> workers = new ArrayList<>();
    for (int i = 0; i < WORKERS; i++) {
      workers.add(spawnWorker(SLOTS));
    }
    for (int turn = 1; turn <= WORKS; turn++) {
      Work work = WorkerNode.work(model, WorkerNode.newSession(), turn, List.of());
      sessions.submit(work, dispatchers.get(random.nextInt(DISPATCHERS)));
      if (turn % 200 == 0) { // in the midst of it
        int until = turn / 3;
        await().atMost(PATIENCE).until(() -> finished.get() >= until);
        kit.stop(workers.remove(0));
        workers.add(spawnWorker(SLOTS));
      }
      if (turn == 500) {
        ActorRef<Dispatcher.Command> dead = dispatchers.remove(0);
        kit.stop(dead);
        sessions.move(dead, dispatchers.get(0));
        dispatchers.add(0, dispatchers.get(0)); // its place in the draw
      }
    }
    await().atMost(Duration.ofSeconds(60)).until(() -> finished.get() == WORKS);

    for (ActorRef<Dispatcher.Command> dispatcher : dispatchers) {
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () -> {
                Inspection inspection = inspect(dispatcher);
                assertThat(inspection.underWay()).isZero();
                assertThat(inspection.waiting().values()).allMatch(waiting -> waiting == 0);
                assertThat(inspection.workers())
                    .hasSize(WORKERS)
                    .allMatch(worker -> worker.freeSlots() == SLOTS)
                    .allMatch(worker -> worker.underWay() == 0 && worker.running() == 0);
              });
    }
    assertThat(sessions.running()).isZero();
    assertThat(sessions.lost()).as("workers died in the midst of it").isPositive();
  }

  @Test
  void aWorkerWithTooFewSlotsServesAllDispatchersAlike() {
    RoutingSettings settings = RoutingSettings.from(kit.system().settings().config());
    Map<AttemptId, Integer> of = new HashMap<>();
    int each = 512;
    for (int i = 0; i < DISPATCHERS; i++) {
      var dispatcher = kit.spawn(Dispatchers.behavior(settings, id -> true, this::report));
      for (int turn = 1; turn <= each; turn++) {
        Work work = WorkerNode.work(model, WorkerNode.newSession(), turn, List.of());
        of.put(work.id(), i);
        sessions.submit(work, dispatcher);
      }
    }
    spawnWorker(1);
    int half = DISPATCHERS * each / 2;
    await().atMost(Duration.ofSeconds(60)).until(() -> finished.get() >= half);

    int[] served = new int[DISPATCHERS];
    order.stream().limit(half).forEach(id -> served[of.get(id)]++);
    assertThat(served)
        .as("works of each")
        .satisfies(
            all -> {
              for (int count : all) {
                assertThat(count).isBetween(2 * each / 5, 3 * each / 5);
              }
            });
  }

  private ActorRef<ModelWorker.Command> spawnWorker(int slots) {
    return kit.spawn(
        ModelWorker.create(
            () ->
                new TimedReplica(
                    model,
                    slots,
                    timer,
                    work -> 2_000_000L + random.nextInt(10_000_000),
                    new AtomicLong()),
            WorkerSettings.from(kit.system().settings().config()),
            this::report));
  }

  /** As a session does, it watches the worker that has its attempt. */
  private void report(AttemptReport report) {
    report
        .from()
        .filter(worker -> watched.putIfAbsent(report.id(), worker) == null)
        .ifPresent(worker -> watch(report.id(), worker));
    sessions.accept(report);
  }

  private void watch(AttemptId id, ActorRef<WorkerMessage> worker) {
    kit.spawn(
        Behaviors.setup(
            context -> {
              context.watchWith(worker, new Object());
              return Behaviors.receiveMessage(
                  gone -> {
                    sessions.lose(id);
                    return Behaviors.stopped();
                  });
            }));
  }

  private Inspection inspect(ActorRef<Dispatcher.Command> dispatcher) {
    TestProbe<Inspection> probe = kit.createTestProbe(Inspection.class);
    dispatcher.tell(new Dispatcher.Inspect(probe.ref()));
    return probe.receiveMessage(PATIENCE);
  }
}
