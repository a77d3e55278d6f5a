package io.parley.workers;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.Dispatcher;
import io.parley.routing.Dispatchers;
import io.parley.routing.RoutingSettings;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Prints how fast works find workers: real dispatchers, streams and worker actors in this JVM,
 * works that only take time. The time is that from the submission to the start at the replica. A
 * program to be run by hand; it asserts nothing. Arguments: workers x dispatchers, such as {@code
 * 1x1 200x20}.
 */
final class RoutingScale {
  private static final int SLOTS = 8;
  private static final double SERVICE_SECONDS = 0.8;
  private static final double SECONDS = 4;

  private final ActorTestKit kit =
      ActorTestKit.create(
          "scale",
          ConfigFactory.parseString(
                  "akka.loglevel = WARNING\nparley.routing.queue-capacity = 100000")
              .withFallback(ConfigFactory.load()));
  private final ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
  private final ModelInfo model = WorkerNode.newModel();
  private final AtomicLong busyNanos = new AtomicLong();
  private final Map<AttemptId, Long> submitted = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<Long> waits = new ConcurrentLinkedQueue<>();
  private final List<ActorRef<Dispatcher.Command>> dispatchers = new ArrayList<>();
  private final Random random = new Random(1);
  private final int workers;
  private volatile Consumer<Work> ended = work -> {};
  private final FakeSessions sessions = new FakeSessions(kit.system(), work -> ended.accept(work));
  private final AtomicInteger turns = new AtomicInteger();

  private RoutingScale(int workers, int dispatchers) {
    this.workers = workers;
    RoutingSettings settings = RoutingSettings.from(kit.system().settings().config());
    for (int i = 0; i < dispatchers; i++) {
      this.dispatchers.add(kit.spawn(Dispatchers.behavior(settings, id -> true, sessions)));
    }
    for (int i = 0; i < workers; i++) {
      kit.spawn(
          ModelWorker.create(
              () -> new TimedReplica(model, SLOTS, timer, this::service, this::started, busyNanos),
              WorkerSettings.from(kit.system().settings().config()),
              sessions));
    }
  }

  public static void main(String[] args) {
    new RoutingScale(4, 2).measure("warm-up");
    System.out.println(
        "workers x dispatchers   load   works/s   wait p50 / p99 / max ms   slots taken");
    for (String size : args) {
      String[] parts = size.split("x");
      new RoutingScale(Integer.parseInt(parts[0]), Integer.parseInt(parts[1])).measure(size);
    }
  }

  private void measure(String name) {
    double capacity = workers * SLOTS / SERVICE_SECONDS;
    offer(Math.max(20, capacity * 0.2), 2); // streams open, classes are compiled
    report(name, "idle", capacity * 0.05 < 5 ? 5 : capacity * 0.05);
    report(name, "95 %", capacity * 0.95);
    full(name);
    kit.shutdownTestKit();
    timer.shutdownNow();
  }

  private void report(String name, String load, double perSecond) {
    offer(perSecond, SERVICE_SECONDS * 2.5); // until as many end as begin
    begin();
    double seconds = offer(perSecond, SECONDS);
    print(name, load, seconds);
    until(() -> sessions.running() == 0);
  }

  /** So many works wait that each slot that gets free has one. */
  private void full(String name) {
    ended = work -> submit();
    for (int i = 0; i < 2 * workers * SLOTS; i++) {
      submit();
    }
    pause(SERVICE_SECONDS * 2.5);
    begin();
    pause(SECONDS);
    print(name, "full", SECONDS);
    ended = work -> {};
    until(() -> sessions.running() == 0);
  }

  private void begin() {
    waits.clear();
    busyNanos.set(0);
  }

  private void print(String name, String load, double seconds) {
    long[] sorted = waits.stream().mapToLong(Long::longValue).sorted().toArray();
    System.out.printf(
        "%21s   %4s  %8.0f  %8.2f /%7.2f /%7.2f   %9.1f%%%n",
        name,
        load,
        sorted.length / seconds,
        millis(sorted, 0.5),
        millis(sorted, 0.99),
        millis(sorted, 1),
        100 * busyNanos.get() / 1e9 / seconds / (workers * SLOTS));
  }

  private static double millis(long[] sorted, double quantile) {
    return sorted.length == 0 ? 0 : sorted[(int) (quantile * (sorted.length - 1))] / 1e6;
  }

  /** Offers works at random times, so many a second on average; returns how long it took. */
  private double offer(double perSecond, double seconds) {
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
    return (System.nanoTime() - began) / 1e9;
  }

  private void submit() {
    int turn = turns.incrementAndGet();
    Work work = WorkerNode.work(model, WorkerNode.newSession(), turn, List.of());
    submitted.put(work.id(), System.nanoTime());
    sessions.submit(work, dispatchers.get(turn % dispatchers.size()));
  }

  private void started(Work work) {
    Long since = submitted.remove(work.id());
    if (since != null) {
      waits.add(System.nanoTime() - since);
    }
  }

  private synchronized long service() {
    return (long) (SERVICE_SECONDS * 1e9 * (0.75 + 0.5 * random.nextDouble()));
  }

  private static void pause(double seconds) {
    LockSupport.parkNanos((long) (seconds * 1e9));
  }

  private static void until(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
    }
  }
}
