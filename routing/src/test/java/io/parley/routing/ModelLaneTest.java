package io.parley.routing;

import static io.parley.routing.Fixtures.MODEL;
import static io.parley.routing.Fixtures.conversation;
import static io.parley.routing.Fixtures.work;
import static io.parley.routing.Fixtures.workOf;
import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.ModelLane.Offer;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerLoad;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class ModelLaneTest {
  private static final long MILLISECOND = 1_000_000;

  private final List<String> handed = new ArrayList<>();
  private long streams;

  @Test
  void aWorkThatWaitsForItsWorkerIsPassedByOthersAndTakenByAnyoneAfterItsWait() {
    ModelLane lane = lane("affinity.wait-max = 100ms");
    WorkStream home = stream(lane, 4);
    pulls(home, 4);
    offer(lane, conversation("s", 1, "x".repeat(4000)));
    handOut(lane, 0);
    home.confirm(work(1).id());
    pulls(home, 0);
    WorkStream other = stream(lane, 4);
    pulls(other, 2); // half busy, too

    offer(lane, conversation("s", 2, "x".repeat(4000), "answer", "more"));
    offer(lane, conversation("t", 7, "something else"));
    OptionalLong lookAgain = handOut(lane, MILLISECOND);

    assertThat(handed).containsExactly("1 to 1", "7 to 2");
    assertThat(lookAgain).hasValue(101 * MILLISECOND);
    pulls(other, 2);
    assertThat(handOut(lane, 100 * MILLISECOND)).hasValue(101 * MILLISECOND);
    assertThat(handOut(lane, 101 * MILLISECOND)).isEmpty();
    assertThat(handed).containsExactly("1 to 1", "7 to 2", "2 to 2");
  }

  @Test
  void aSuspectWhoseEndWasNotHeardOfIsForgottenInTime() {
    ModelLane lane = lane("");
    WorkStream worker = stream(lane, 4);
    pulls(worker, 4);
    lane.offer(Fixtures.suspect(work(1)), 0, 0);
    handOut(lane, 0);
    worker.confirm(work(1).id());
    assertThat(worker.forgetSuspects(299_999 * MILLISECOND)).isFalse();
    assertThat(worker.hasSuspect()).isTrue();

    assertThat(worker.forgetSuspects(300_000 * MILLISECOND)).isTrue();
    assertThat(worker.hasSuspect()).isFalse();
  }

  @Test
  void looksAtSoManyWorksBehindTheOneThatWaits() {
    ModelLane lane = lane("lookahead = 2");
    WorkStream home = stream(lane, 4);
    for (int i = 1; i <= 5; i++) {
      pulls(home, 4);
      offer(lane, conversation("s" + i, i, i + "x".repeat(4000)));
      handOut(lane, 0);
    }
    pulls(home, 0);
    WorkStream other = stream(lane, 4);
    pulls(other, 2);
    handed.clear();
    for (int i = 1; i <= 3; i++) {
      offer(lane, conversation("s" + i, i, i + "x".repeat(4000), "answer", "more"));
    }
    offer(lane, conversation("t", 9, "something else"));

    handOut(lane, MILLISECOND);
    assertThat(handed).isEmpty();
    lane.queue().remove(conversation("s1", 1, "x").id());
    handOut(lane, MILLISECOND);
    assertThat(handed).containsExactly("9 to 2");
  }

  @Test
  void refusesAWorkWhoseTurnWouldComeAfterItsDeadline() {
    ModelLane lane = lane("");
    WorkStream worker = stream(lane, 1);
    // one each 100 ms, while more wait
    long now = 0;
    for (int turn = 1; turn <= 40; turn++) {
      offerBy(lane, "greedy", turn, 2_400);
    }
    for (int i = 0; i < 20; i++) {
      now += 100 * MILLISECOND;
      pulls(worker, 1);
      handOut(lane, now);
    }
    assertThat(lane.queue().size()).isEqualTo(20);

    // 20 before it are two seconds, and a fifth is kept in reserve
    assertThat(offerBy(lane, "greedy", 101, 2_400)).isInstanceOf(Offer.Refused.class);
    assertThat(lane.full(now)).isEmpty();
    lane.sweep();
    assertThat(lane.full(now).orElseThrow().refuses(new TenantId("greedy"))).isTrue();
    assertThat(lane.full(now).orElseThrow().refuses(new TenantId("other"))).isFalse();
    // another tenant has its turn soon
    assertThat(offerBy(lane, "other", 102, 2_400)).isInstanceOf(Offer.Queued.class);
    assertThat(offerBy(lane, "greedy", 103, 2_800)).isInstanceOf(Offer.Queued.class);
    lane.sweep();
    assertThat(lane.full(now)).isEmpty();

    // one that is offered again has less time left than a new one will have
    assertThat(offerBy(lane, "greedy", 104, 400)).isInstanceOf(Offer.Refused.class);
    lane.sweep();
    assertThat(lane.full(now)).isEmpty();
  }

  @Test
  void suspectsThatNobodyMayTakeArePassedHoweverManyTheyAre() {
    ModelLane lane = lane("lookahead = 2");
    WorkStream worker = stream(lane, 4);
    for (int turn = 1; turn <= 5; turn++) {
      lane.offer(Fixtures.suspect(work(turn)), 0, 0);
    }
    offer(lane, workOf("a", 9, Priority.INTERACTIVE));
    pulls(worker, 4);
    handOut(lane, 0);
    pulls(worker, 3);
    handOut(lane, 0);

    assertThat(handed).containsExactly("1 to 1", "9 to 1");
  }

  @Test
  void aWorkerThatHasRoomOwesAnAnswerForWhatItWasGiven() {
    ModelLane lane = lane("");
    WorkStream worker = stream(lane, 1);
    pulls(worker, 1);
    offer(lane, work(1));
    handOut(lane, 0);
    worker.report(0, WorkerLoad.UNKNOWN, MILLISECOND);
    assertThat(worker.owesAnAnswer(100 * MILLISECOND, 10 * MILLISECOND)).as("full").isFalse();

    worker.report(1, WorkerLoad.UNKNOWN, 100 * MILLISECOND);
    worker.report(1, WorkerLoad.UNKNOWN, 109 * MILLISECOND);
    assertThat(worker.owesAnAnswer(110 * MILLISECOND, 10 * MILLISECOND)).isFalse();
    assertThat(worker.owesAnAnswer(111 * MILLISECOND, 10 * MILLISECOND)).isTrue();
    worker.confirm(work(1).id());
    assertThat(worker.owesAnAnswer(111 * MILLISECOND, 10 * MILLISECOND)).isFalse();
  }

  @Test
  void refusesNothingEarlyWhileItHasNotMeasuredOrHasNoWorker() {
    ModelLane lane = lane("");
    for (int turn = 1; turn <= 100; turn++) {
      assertThat(offerBy(lane, "a", turn, 1)).isInstanceOf(Offer.Queued.class);
    }
  }

  @Test
  void oneGreedyTenantDoesNotMakeTheOthersWait() {
    ModelLane lane = lane("queue-capacity = 1000");
    WorkStream worker = stream(lane, 1);
    for (int turn = 1; turn <= 900; turn++) {
      offer(lane, workOf("greedy", turn, Priority.INTERACTIVE));
    }
    int waited = 0;
    for (int round = 0; round < 100; round++) {
      String tenant = "t" + round % 5;
      offer(lane, workOf(tenant, 1000 + round, Priority.INTERACTIVE));
      int before = handed.size();
      while (handed.stream().noneMatch(((1000 + round) + " to 1")::equals)) {
        pulls(worker, 1);
        handOut(lane, round);
      }
      waited = Math.max(waited, handed.size() - before);
    }
    assertThat(waited).as("works that were handed out until the tenant's own was").isEqualTo(2);
  }

  private static ModelLane lane(String settings) {
    return new ModelLane(MODEL.id(), Fixtures.settings(settings));
  }

  private WorkStream stream(ModelLane lane, int slots) {
    long id = ++streams;
    WorkSource.Handle handle =
        new WorkSource.Handle() {
          @Override
          public void push(Work work) {
            handed.add(work.id().turn() + " to " + id);
          }

          @Override
          public void complete() {}
        };
    WorkStream stream = new WorkStream(id, Fixtures.workerRef(), MODEL.id(), handle);
    stream.report(slots, new WorkerLoad(slots, 1, 0, 0), 0);
    lane.add(stream);
    return stream;
  }

  /** The worker has these slots and nothing under way, and asks for a work when it has any. */
  private static void pulls(WorkStream stream, int freeSlots) {
    stream.underWay().forEach(stream::confirm);
    stream.report(freeSlots, stream.load(), 0);
    if (freeSlots > 0) {
      stream.pulled(0);
    }
  }

  private static void offer(ModelLane lane, Work work) {
    assertThat(lane.offer(work, 0, 0)).isInstanceOf(Offer.Queued.class);
  }

  private static Offer offerBy(ModelLane lane, String tenant, int turn, long deadlineMillis) {
    Work work = work(new TenantId(tenant), "s", turn, 1, Priority.INTERACTIVE, deadlineMillis);
    return lane.offer(work, 0, 0);
  }

  private OptionalLong handOut(ModelLane lane, long nowNanos) {
    return lane.handOut(nowNanos, (work, stream) -> {});
  }
}
