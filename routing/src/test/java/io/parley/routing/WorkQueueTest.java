package io.parley.routing;

import static io.parley.routing.Fixtures.work;
import static io.parley.routing.Fixtures.workOf;
import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.policy.WaitingWork;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class WorkQueueTest {
  private static final long PATIENCE_NANOS = 1000;

  private final WorkQueue queue = new WorkQueue(4, PATIENCE_NANOS, tenant -> 1);

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
  void tenantsTakeTurnsWithinAPriority() {
    WorkQueue large = new WorkQueue(100, PATIENCE_NANOS, tenant -> 1);
    for (int turn = 1; turn <= 5; turn++) {
      large.offer(workOf("flood", turn, Priority.INTERACTIVE), turn);
    }
    large.offer(workOf("flood", 6, Priority.BULK), 6);
    large.offer(workOf("b", 11, Priority.INTERACTIVE), 7);
    large.offer(workOf("b", 12, Priority.INTERACTIVE), 8);
    large.offer(workOf("b", 13, Priority.BULK), 9);
    large.offer(workOf("c", 21, Priority.INTERACTIVE), 10);

    assertThat(drain(large)).containsExactly(1, 11, 21, 2, 12, 3, 4, 5, 6, 13);
  }

  @Test
  void aHeavierTenantHasMoreTurnsAndRoom() {
    WorkQueue weighted =
        new WorkQueue(8, PATIENCE_NANOS, tenant -> tenant.value().equals("a") ? 3 : 1);
    for (int turn = 1; turn <= 6; turn++) {
      weighted.offer(workOf("a", turn, Priority.INTERACTIVE), turn);
    }
    weighted.offer(workOf("b", 11, Priority.INTERACTIVE), 7);
    weighted.offer(workOf("b", 12, Priority.INTERACTIVE), 8);

    // of 8 places and 4 parts, a has 6 and b has 2
    assertThat(weighted.full(1000, Set.of()).tenants())
        .containsExactlyInAnyOrder(new TenantId("a"), new TenantId("b"));
    assertThat(drain(weighted)).containsExactly(1, 11, 2, 3, 12, 4, 5, 6);
  }

  @Test
  void aTenantThatComesBackIsOwedNothingAndOwesWhatItHad() {
    WorkQueue large = new WorkQueue(100, PATIENCE_NANOS, tenant -> 1);
    for (int turn = 1; turn <= 6; turn++) {
      large.offer(workOf("a", turn, Priority.INTERACTIVE), turn);
    }
    large.offer(workOf("b", 11, Priority.INTERACTIVE), 7);
    List<Integer> turns = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      WaitingWork next = large.peek().orElseThrow();
      large.take(next);
      turns.add(next.id().turn());
      if (next.id().turn() == 11) { // it has one work at a time, and comes again at once
        large.offer(workOf("b", 12, Priority.INTERACTIVE), 8);
      }
    }

    assertThat(turns).containsExactly(1, 11, 2, 12, 3, 4);
  }

  @Test
  void showsTheOrderOfTurnsThatTakingThemGives() {
    WorkQueue large = new WorkQueue(1000, PATIENCE_NANOS, tenant -> tenant.value().length());
    Random random = new Random(5);
    for (int turn = 1; turn <= 200; turn++) {
      String tenant = List.of("a", "bb", "ccc").get(random.nextInt(3));
      Priority priority = random.nextInt(4) == 0 ? Priority.BULK : Priority.INTERACTIVE;
      large.offer(workOf(tenant, turn, priority), turn * 10L);
    }
    for (int i = 0; i < 20; i++) {
      large.take(large.peek().orElseThrow());
    }
    List<Integer> shown = new ArrayList<>();
    large.inTurn().forEachRemaining(work -> shown.add(work.id().turn()));

    assertThat(shown).hasSize(180).isEqualTo(drain(large));
  }

  @Test
  void aWorkThatWasGivenBackIsNext() {
    queue.offer(workOf("a", 1, Priority.INTERACTIVE), 0);
    queue.offer(workOf("a", 2, Priority.INTERACTIVE), 0);
    queue.offer(workOf("b", 3, Priority.INTERACTIVE), 0);
    WaitingWork first = queue.peek().orElseThrow();
    queue.take(first);
    queue.putBack(first);

    assertThat(queue.contains(first.id())).isTrue();
    assertThat(queue.size()).isEqualTo(3);
    assertThat(drain()).containsExactly(1, 3, 2);
  }

  @Test
  void countsWhoHasItsTurnBefore() {
    WorkQueue large = new WorkQueue(100, PATIENCE_NANOS, tenant -> 1);
    for (int turn = 1; turn <= 10; turn++) {
      large.offer(workOf("a", turn, Priority.INTERACTIVE), turn);
    }
    large.offer(workOf("b", 11, Priority.INTERACTIVE), 11);
    large.offer(workOf("b", 12, Priority.BULK), 12);

    assertThat(large.ahead(new TenantId("a"), Priority.INTERACTIVE)).isEqualTo(11);
    assertThat(large.ahead(new TenantId("b"), Priority.INTERACTIVE)).isEqualTo(3);
    assertThat(large.ahead(new TenantId("c"), Priority.INTERACTIVE)).isEqualTo(2);
    assertThat(large.ahead(new TenantId("c"), Priority.BULK)).isEqualTo(12);
  }

  @Test
  void aCancelledWorkCostsItsTenantNoTurn() {
    Work first = workOf("a", 1, Priority.INTERACTIVE);
    queue.offer(first, 0);
    queue.offer(workOf("a", 2, Priority.INTERACTIVE), 0);
    queue.offer(workOf("b", 3, Priority.INTERACTIVE), 0);
    queue.remove(first.id());

    assertThat(drain()).containsExactly(2, 3);
  }

  @Test
  void aTenantAloneMayUseAllAndKeepsNobodyOut() {
    assertThat(offered("a", 1, 10)).isEqualTo(4);
    assertThat(full()).containsExactly(true, false, false);

    // a half for the second, a third for the third, and no more than twice the capacity for all
    assertThat(offered("b", 11, 10)).isEqualTo(2);
    assertThat(full()).containsExactly(true, true, false);
    assertThat(offered("c", 21, 10)).isEqualTo(1);
    assertThat(offered("d", 31, 10)).isEqualTo(1);
    assertThat(queue.size()).isEqualTo(8);
    assertThat(offered("e", 41, 10)).isZero();
    assertThat(full()).containsExactly(true, true, true);
  }

  @Test
  void namesNobodyWhenNobodyHasRoom() {
    offered("a", 1, 1);
    offered("b", 11, 1);
    offered("c", 21, 1);
    offered("d", 31, 1);

    assertThat(queue.full(1000, Set.of())).isEqualTo(new FullQueue(1000, true, Set.of()));
  }

  @Test
  void namesWhoHoldsItsShareOrMore() {
    offered("a", 1, 4);
    offered("b", 11, 1);

    TenantId flood = new TenantId("a");
    assertThat(queue.full(1000, Set.of())).isEqualTo(new FullQueue(1000, false, Set.of(flood)));
    assertThat(queue.hasRoom(flood)).isFalse();
    assertThat(queue.hasRoom(new TenantId("b"))).isTrue();
  }

  @Test
  void whoHoldsMoreThanItsShareIsRefusedFirst() {
    offered("a", 1, 4);
    offered("b", 11, 2);
    queue.take(queue.peek().orElseThrow());

    assertThat(offered("a", 5, 1)).isZero();
    assertThat(offered("c", 21, 1)).isEqualTo(1);
  }

  private int offered(String tenant, int firstTurn, int works) {
    int taken = 0;
    for (int turn = firstTurn; turn < firstTurn + works; turn++) {
      taken += queue.offer(workOf(tenant, turn, Priority.INTERACTIVE), turn) ? 1 : 0;
    }
    return taken;
  }

  /** Whether the queue's gauge refuses the tenants a and b, and one that has nothing in it. */
  private List<Boolean> full() {
    FullQueue full = queue.full(1000, Set.of());
    return Stream.of("a", "b", "z").map(tenant -> full.refuses(new TenantId(tenant))).toList();
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
    return drain(queue);
  }

  private static List<Integer> drain(WorkQueue queue) {
    List<Integer> turns = new ArrayList<>();
    while (!queue.isEmpty()) {
      WaitingWork next = queue.peek().orElseThrow();
      queue.take(next);
      turns.add(next.id().turn());
    }
    return turns;
  }
}
