package io.parley.routing;

import static io.parley.routing.Fixtures.work;
import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WorkQueueTest {
  private static final long PATIENCE_NANOS = 1000;

  private final WorkQueue queue = new WorkQueue(4, PATIENCE_NANOS);

  @Test
  void interactiveGoesBeforeBulkInOrderOfArrival() {
    queue.offer(work(1, Priority.BULK), 0);
    queue.offer(work(2), 10);
    queue.offer(work(3), 20);

    assertThat(drain()).containsExactly(2, 3, 1);
  }

  @Test
  void bulkIsOvertakenOnlyForItsPatience() {
    queue.offer(work(1, Priority.BULK), 0);
    queue.offer(work(2), PATIENCE_NANOS);
    queue.offer(work(3), PATIENCE_NANOS + 1);

    assertThat(drain()).containsExactly(2, 1, 3);
  }

  @Test
  void agesAcrossTheClocksOverflow() {
    queue.offer(work(1, Priority.BULK), Long.MAX_VALUE - 10);
    queue.offer(work(2), Long.MIN_VALUE);

    assertThat(drain()).containsExactly(2, 1);
  }

  @Test
  void takesNoMoreThanItsCapacity() {
    for (int turn = 1; turn <= 4; turn++) {
      assertThat(queue.offer(work(turn), turn)).isTrue();
    }

    assertThat(queue.offer(work(5), 5)).isFalse();
    assertThat(queue.size()).isEqualTo(4);
  }

  @Test
  void removesWhatIsPastItsDeadline() {
    queue.offer(work(1, 1, Priority.INTERACTIVE, 100), 0);
    queue.offer(work(2, 1, Priority.BULK, 99), 0);
    queue.offer(work(3, 1, Priority.INTERACTIVE, 101), 0);

    assertThat(queue.removeExpired(100)).extracting(work -> work.id().turn()).contains(1, 2);
    assertThat(drain()).containsExactly(3);
  }

  @Test
  void removesOne() {
    queue.offer(work(1), 0);

    assertThat(queue.remove(work(1).id())).isTrue();
    assertThat(queue.remove(work(1).id())).isFalse();
    assertThat(queue.isEmpty()).isTrue();
  }

  private List<Integer> drain() {
    List<Integer> turns = new ArrayList<>();
    while (!queue.isEmpty()) {
      Work next = queue.peek().orElseThrow();
      queue.remove(next.id());
      turns.add(next.id().turn());
    }
    return turns;
  }
}
