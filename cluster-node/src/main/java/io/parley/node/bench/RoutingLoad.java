package io.parley.node.bench;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import com.sun.management.OperatingSystemMXBean;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.Dispatcher;
import io.parley.routing.Dispatchers;
import io.parley.routing.RoutingSettings;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.AttemptReport.Failed;
import io.parley.routing.protocol.AttemptReport.TokenGroup;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import io.parley.workers.ModelWorker;
import io.parley.workers.WorkerSettings;
import io.parley.workers.replica.TimedReplica;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * How fast works find workers: real dispatchers, streams and worker actors in this process, works
 * that only take time, and no sessions behind them. The wait is that from the submission to the
 * start at the replica.
 */
public final class RoutingLoad implements AutoCloseable {
  private static final int SLOTS = 8;
  private static final double SERVICE_SECONDS = 0.8;
  private static final double SETTLE_SECONDS = SERVICE_SECONDS * 2.5; // as many end as begin
  private static final double IDLE_WORKS_MIN = 50;
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  /** How much is offered. */
  public enum Load {
    /** A twentieth of the slots is taken: who waits, waits for the routing. */
    IDLE,
    /** 95 % of the slots, at random times. */
    HIGH,
    /** For each slot that gets free a work waits. */
    FULL
  }

  /**
   * What was measured.
   *
   * @param best what the same works would have waited at one queue before all slots that costs no
   *     time, first come, first served
   * @param slotsTaken share of all slots' time
   * @param cores of this process, the works' timer and this load with it
   * @param failed works that were lost
   */
  public record Figures(
      double worksPerSecond,
      LoadReport.Percentiles waited,
      LoadReport.Percentiles best,
      double slotsTaken,
      double cores,
      long collectionMillis,
      int failed) {}

  private record Waiting(long submittedNanos, long takesNanos, ActorRef<Dispatcher.Command> at) {}

  private record Started(long submittedNanos, long waitNanos, long takesNanos) {}

  private final ActorSystem<Void> system;
  private final ScheduledExecutorService timer =
      Executors.newScheduledThreadPool(
          1,
          task -> {
            Thread thread = new Thread(task, "works");
            thread.setDaemon(true);
            return thread;
          });
  private final ModelInfo model =
      new ModelInfo(ModelId.parse("timed@1"), 2048, 1, "bench", "Apache-2.0");
  private final List<ActorRef<Dispatcher.Command>> dispatchers = new ArrayList<>();
  private final Map<AttemptId, Waiting> works = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<Started> started = new ConcurrentLinkedQueue<>();
  private final AtomicLong busyNanos = new AtomicLong();
  private final AtomicInteger turns = new AtomicInteger();
  private final AtomicInteger failed = new AtomicInteger();
  private final Random random = new Random(1);
  private final int workers;
  private volatile boolean full; // another work for each that ends
  private volatile double serviceSeconds = SERVICE_SECONDS;

  /** Starts them; they find each other while {@link #measure} warms up. */
  public RoutingLoad(Config config, int workers, int dispatchers) {
    this.workers = workers;
    this.system =
        ActorSystem.create(
            Behaviors.empty(),
            "routing",
            ConfigFactory.parseString(
                    """
                    akka.actor.provider = local
                    akka.loglevel = WARNING
                    parley.routing.queue-capacity = 100000
                    """)
                .withFallback(config)
                .resolve());
    RoutingSettings routing = RoutingSettings.from(system.settings().config());
    WorkerSettings worker = WorkerSettings.from(system.settings().config());
    for (int i = 0; i < dispatchers; i++) {
      this.dispatchers.add(
          system.systemActorOf(
              Dispatchers.behavior(routing, id -> true, this::heard),
              "dispatcher-" + i,
              Props.empty()));
    }
    for (int i = 0; i < workers; i++) {
      system.systemActorOf(
          ModelWorker.create(
              () -> new TimedReplica(model, SLOTS, timer, this::starts, busyNanos),
              worker,
              this::heard),
          "worker-" + i,
          Props.empty());
    }
  }

  /** Offers the load for a while before, and then measures for so many seconds. */
  public Figures measure(Load load, double seconds) {
    double capacity = workers * SLOTS / SERVICE_SECONDS;
    double perSecond =
        load == Load.IDLE ? Math.max(IDLE_WORKS_MIN, capacity * 0.05) : capacity * 0.95;
    serviceSeconds =
        load == Load.IDLE
            ? Math.min(SERVICE_SECONDS, workers * SLOTS * 0.05 / perSecond)
            : SERVICE_SECONDS;
    if (load == Load.FULL) {
      full = true;
      for (int i = 0; i < 2 * workers * SLOTS; i++) {
        submit();
      }
      pause(SETTLE_SECONDS);
    } else {
      offer(perSecond, SETTLE_SECONDS);
    }
    OperatingSystemMXBean process =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    started.clear();
    busyNanos.set(0);
    failed.set(0);
    long cpu = process.getProcessCpuTime();
    long collected = collectionMillis();
    long began = System.nanoTime();
    if (load == Load.FULL) {
      pause(seconds);
    } else {
      offer(perSecond, seconds);
    }
    double took = (System.nanoTime() - began) / 1e9;
    List<Started> all = List.copyOf(started);
    Figures figures =
        new Figures(
            all.size() / took,
            LoadReport.Percentiles.of(all.stream().map(Started::waitNanos).toList()),
            LoadReport.Percentiles.of(best(all)),
            busyNanos.get() / 1e9 / took / (workers * SLOTS),
            (process.getProcessCpuTime() - cpu) / 1e9 / took,
            collectionMillis() - collected,
            failed.get());
    full = false;
    until(works::isEmpty);
    return figures;
  }

  /** In the order of their submission, each takes the slot that gets free first. */
  private List<Long> best(List<Started> all) {
    PriorityQueue<Long> free = new PriorityQueue<>();
    List<Long> waits = new ArrayList<>();
    all.stream()
        .sorted((one, other) -> Long.compare(one.submittedNanos(), other.submittedNanos()))
        .forEach(
            work -> {
              boolean any = free.size() < workers * SLOTS;
              long start = any ? work.submittedNanos() : free.remove();
              start = Math.max(start, work.submittedNanos());
              waits.add(start - work.submittedNanos());
              free.add(start + work.takesNanos());
            });
    return waits;
  }

  /** Works at random times, so many a second on average. */
  private void offer(double perSecond, double seconds) {
    long began = System.nanoTime();
    double due = 0;
    while (due < seconds) {
      due += -Math.log(1 - random.nextDouble()) / perSecond;
      long wait = (long) (due * 1e9) - (System.nanoTime() - began);
      if (wait > 0) {
        LockSupport.parkNanos(wait);
      }
      submit();
    }
  }

  private void submit() {
    int turn = turns.incrementAndGet();
    // the second attempt: it is queued before a worker is known
    Work work =
        new Work(
            new AttemptId(new SessionId(TenantId.DEFAULT, "s" + turn), 1, 2),
            model.id(),
            List.of(new Message(Role.USER, "hello")),
            List.of(),
            SamplingParams.greedy(100),
            ContextPolicy.ERROR,
            Priority.INTERACTIVE,
            0,
            Long.MAX_VALUE);
    ActorRef<Dispatcher.Command> dispatcher = dispatchers.get(turn % dispatchers.size());
    works.put(work.id(), new Waiting(System.nanoTime(), service(), dispatcher));
    dispatcher.tell(new Dispatcher.Submit(work, system.ignoreRef()));
  }

  private synchronized long service() {
    return (long) (serviceSeconds * 1e9 * (0.75 + 0.5 * random.nextDouble()));
  }

  private long starts(AttemptId id) {
    Waiting work = works.get(id);
    long wait = System.nanoTime() - work.submittedNanos();
    started.add(new Started(work.submittedNanos(), wait, work.takesNanos()));
    return work.takesNanos();
  }

  /** What a session would do. */
  private void heard(AttemptReport report) {
    if (report instanceof TokenGroup group) {
      Waiting work = works.get(group.id());
      if (work == null) {
        group.worker().tell(new DropAttempt(group.id()));
        return;
      }
      boolean ended = group.finish().isPresent();
      int next = group.firstIndex() + group.tokens().size();
      group.worker().tell(new GroupAccepted(group.id(), next, ended));
      if (ended && works.remove(group.id()) != null) {
        work.at().tell(new Dispatcher.Ended(group.id()));
        if (full) {
          submit();
        }
      }
    } else if (report instanceof Failed lost && works.remove(lost.id()) != null) {
      failed.incrementAndGet();
    }
  }

  private static long collectionMillis() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .mapToLong(GarbageCollectorMXBean::getCollectionTime)
        .sum();
  }

  private static void pause(double seconds) {
    long until = System.nanoTime() + (long) (seconds * 1e9);
    while (until - System.nanoTime() > 0) {
      LockSupport.parkNanos(until - System.nanoTime());
    }
  }

  private static void until(BooleanSupplier condition) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) {
        throw new IllegalStateException("works did not end within " + PATIENCE);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
    }
  }

  @Override
  public void close() {
    system.terminate();
    try {
      system.getWhenTerminated().toCompletableFuture().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("the actors did not stop", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      timer.shutdownNow();
    }
  }
}
