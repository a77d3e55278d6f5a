package io.parley.routing;

import static io.parley.routing.Fixtures.MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.ModelLane.Offer;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerLoad;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** One slow worker and more load than it can carry, in virtual time. */
class BackPressureTest {
  private static final long MILLISECOND = 1_000_000;
  private static final int SLOTS = 4;
  private static final long SERVICE_MILLIS = 400; // so ten works a second
  private static final long WARM_UP_NANOS = 60_000 * MILLISECOND; // the rate is being measured
  private static final int CAPACITY = 100;
  private static final long QUEUE_TIMEOUT_MILLIS = 6_000;

  /** Who sends, how much, and with which priority. */
  private record Sender(String tenant, double perSecond, Priority priority) {}

  private record Event(long nanos, long order, Runnable action) {}

  private final ModelLane lane =
      new ModelLane(MODEL.id(), Fixtures.settings("queue-capacity = " + CAPACITY));
  private final Random random = new Random(11);
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::nanos).thenComparingLong(Event::order));
  private final Map<AttemptId, Long> submitted = new HashMap<>();
  private final Map<String, List<Double>> waits = new HashMap<>();
  private final Map<Priority, Integer> started = new HashMap<>();
  private final WorkStream stream;
  private int free = SLOTS;
  private long now;
  private long orders;
  private int turns;
  private int refused;
  private int expired;
  private int queueMost;
  private long retryAfterLeast = Long.MAX_VALUE;

  BackPressureTest() {
    WorkSource.Handle handle =
        new WorkSource.Handle() {
          @Override
          public void push(Work work) {
            start(work);
          }

          @Override
          public void complete() {}
        };
    stream = new WorkStream(1, Fixtures.workerRef(), MODEL.id(), handle);
    lane.add(stream);
    ask();
  }

  @Test
  void tenTimesTooMuchLoadIsRefusedAndWhatIsAdmittedIsServedInTime() {
    run(300, new Sender("a", 100, Priority.INTERACTIVE));

    assertThat(queueMost).isLessThanOrEqualTo(CAPACITY);
    assertThat(submitted.size()).as("works in memory").isLessThanOrEqualTo(CAPACITY + SLOTS);
    assertThat(quantile("a", 1)).isLessThan(QUEUE_TIMEOUT_MILLIS);
    assertThat(waits.get("a").size()).as("the worker has no pause").isGreaterThan(2_900);
    assertThat(refused).isBetween(26_000, 28_000);
    assertThat(expired).as("refused at once, and not after a wait").isLessThan(30);
    assertThat(retryAfterLeast).isGreaterThanOrEqualTo(1_000);
  }

  @Test
  void oneGreedyTenantDoesNotHurtTheOthers() {
    Sender[] modest = {
      new Sender("b", 1.5, Priority.INTERACTIVE), new Sender("c", 1.5, Priority.INTERACTIVE)
    };
    run(600, modest[0], modest[1], new Sender("greedy", 100, Priority.INTERACTIVE));

    // a slot gets free each 100 ms or so, and a few other works may be before it
    assertThat(quantile("b", 0.99)).isLessThan(1000);
    assertThat(quantile("c", 0.99)).isLessThan(1000);
    assertThat(quantile("greedy", 0.5)).isGreaterThan(3000);
    assertThat(waits.get("b").size()).isBetween(800, 1000);
    assertThat(waits.get("greedy").size()).as("and it gets the rest").isGreaterThan(3_800);
  }

  @Test
  void bulkWorksAreNotStarvedByInteractiveOnes() {
    run(300, new Sender("a", 20, Priority.INTERACTIVE), new Sender("b", 0.5, Priority.BULK));

    assertThat(started.getOrDefault(Priority.BULK, 0)).isPositive();
  }

  private void run(int seconds, Sender... senders) {
    long end = seconds * 1000L * MILLISECOND;
    for (Sender sender : senders) {
      at(0, () -> send(sender));
    }
    at(0, this::sweep);
    while (events.peek().nanos() < end) {
      Event event = events.remove();
      now = event.nanos();
      event.action().run();
      queueMost = Math.max(queueMost, lane.queue().size());
    }
  }

  private void at(long nanos, Runnable action) {
    events.add(new Event(nanos, ++orders, action));
  }

  private void sweep() {
    expire();
    lane.sweep();
    at(now + 200 * MILLISECOND, this::sweep);
  }

  private void expire() {
    for (Work work : lane.queue().removeExpired(now / MILLISECOND)) {
      expired += now > WARM_UP_NANOS ? 1 : 0;
      submitted.remove(work.id());
    }
  }

  private void send(Sender sender) {
    double gap = -Math.log(1 - random.nextDouble()) / sender.perSecond();
    at(now + (long) (gap * 1e9), () -> send(sender));
    // bulk may wait long; a sender of interactive works has gone by then
    long patience = sender.priority() == Priority.BULK ? 600_000 : QUEUE_TIMEOUT_MILLIS;
    Work work =
        Fixtures.work(
            new TenantId(sender.tenant()),
            "s",
            ++turns,
            1,
            sender.priority(),
            now / MILLISECOND + patience);
    if (lane.offer(work, now, now / MILLISECOND) instanceof Offer.Refused no) {
      refused++;
      retryAfterLeast = Math.min(retryAfterLeast, no.retryAfter().toMillis());
      return;
    }
    submitted.put(work.id(), now);
    handOut();
  }

  private void handOut() {
    expire();
    lane.handOut(now, (work, to) -> {});
  }

  private void start(Work work) {
    free--;
    double waited = (now - submitted.remove(work.id())) / 1e6;
    started.merge(work.priority(), 1, Integer::sum);
    waits.computeIfAbsent(work.id().session().tenant().value(), t -> new ArrayList<>()).add(waited);
    at(now, () -> stream.confirm(work.id()));
    at(now, this::ask);
    long service = (long) (SERVICE_MILLIS * MILLISECOND * (0.5 + random.nextDouble()));
    at(
        now + service,
        () -> {
          free++;
          ask();
          handOut();
        });
  }

  private void ask() {
    stream.report(free, new WorkerLoad(SLOTS, 1, 0, 0), now);
    if (free > 0) {
      stream.pulled(now);
      handOut();
    }
  }

  private double quantile(String tenant, double q) {
    List<Double> sorted = waits.get(tenant).stream().sorted().toList();
    return sorted.get((int) (q * (sorted.size() - 1)));
  }
}
