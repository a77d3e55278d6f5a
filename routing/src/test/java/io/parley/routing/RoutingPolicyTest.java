package io.parley.routing;

import static io.parley.routing.Fixtures.work;
import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.TestInbox;
import io.parley.routing.RoutingPolicy.WaitingWorker;
import io.parley.routing.protocol.WorkerMessage;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoutingPolicyTest {
  private final RoutingPolicy policy = RoutingPolicy.mostFreeSlots();

  @Test
  void prefersTheWorkerWithMostFreeSlots() {
    WaitingWorker small = waiting(1, 0);
    WaitingWorker large = waiting(3, 10);

    assertThat(policy.choose(work(1), List.of(small, large))).contains(large);
    assertThat(policy.choose(work(1), List.of(large, small))).contains(large);
  }

  @Test
  void prefersTheOneThatWaitsLongestAmongEquals() {
    WaitingWorker later = waiting(2, Long.MIN_VALUE + 1);
    WaitingWorker earlier = waiting(2, Long.MAX_VALUE - 1);

    assertThat(policy.choose(work(1), List.of(later, earlier))).contains(earlier);
  }

  @Test
  void choosesNobodyWithoutAFreeSlot() {
    assertThat(policy.choose(work(1), List.of(waiting(0, 0)))).isEmpty();
  }

  private static WaitingWorker waiting(int freeSlots, long sinceNanos) {
    return new WaitingWorker(TestInbox.<WorkerMessage>create().getRef(), freeSlots, sinceNanos);
  }
}
