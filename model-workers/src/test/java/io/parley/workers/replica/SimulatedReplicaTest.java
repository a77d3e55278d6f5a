package io.parley.workers.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class SimulatedReplicaTest {
  private static final SimulatedReplica.Settings FAST =
      SimulatedReplica.Settings.unlimited(Works.INFO, 4);

  @Test
  void resumedAttemptGoesOnExactly() throws InterruptedException {
    Work work = Works.work(1, "hello there", SamplingParams.greedy(40));
    try (SimulatedReplica replica = new SimulatedReplica(FAST)) {
      Recorder whole = run(replica, work);
      assertThat(whole.ids()).hasSize(40);
      assertThat(whole.finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
      assertThat(whole.tokens().get(3).text()).isEqualTo("w" + whole.ids().get(3) + " ");
      List<Integer> joined = new ArrayList<>(whole.ids().subList(0, 17));
      Recorder rest = run(replica, Works.withPrefix(work, joined));
      joined.addAll(rest.ids());
      assertThat(joined).isEqualTo(whole.ids());
      assertThat(run(replica, Works.withPrefix(work, whole.ids())).ids()).isEmpty();
    }
  }

  @Test
  void stopStringEndsTheAnswerAndIsNotPartOfIt() throws InterruptedException {
    Work work = Works.work(1, "hello there", Works.stopping(40));
    try (SimulatedReplica replica = new SimulatedReplica(FAST)) {
      Recorder whole = run(replica, work);
      String stop = " w" + whole.ids().get(5) + " w";
      Recorder cut = run(replica, Works.work(1, "hello there", Works.stopping(40, stop)));
      assertThat(cut.finish().orElseThrow().reason()).isEqualTo(FinishReason.STOP);
      assertThat(cut.answer()).isEqualTo(whole.answer().substring(0, whole.answer().indexOf(stop)));
    }
  }

  @Test
  void moreWorksThanSlotsAllFinish() throws InterruptedException {
    try (SimulatedReplica replica = new SimulatedReplica(FAST)) {
      List<Recorder> recorders = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        Recorder recorder = new Recorder();
        recorders.add(recorder);
        replica.start(Works.work(i, "text " + i, SamplingParams.greedy(10)), recorder);
      }
      for (Recorder recorder : recorders) {
        assertThat(recorder.await().ids()).hasSize(10);
      }
    }
  }

  @Test
  void cancelledWorkFreesItsSlot() throws InterruptedException {
    SimulatedReplica.Settings slow =
        SimulatedReplica.Settings.unlimited(Works.INFO, 1).withTokensPerSecond(100);
    try (SimulatedReplica replica = new SimulatedReplica(slow)) {
      Recorder first = new Recorder();
      Work long1 = Works.work(1, "a", SamplingParams.greedy(200));
      replica.start(long1, first);
      assertThatThrownBy(() -> replica.start(long1, first))
          .isInstanceOf(IllegalStateException.class);
      Awaitility.await().until(() -> !first.tokens().isEmpty());
      Recorder second = new Recorder();
      replica.start(Works.work(2, "b", SamplingParams.greedy(2)), second);
      replica.cancel(long1.id());
      assertThat(second.await().ids()).hasSize(2);
      assertThat(first.verified().isEnded()).isFalse();
    }
  }

  @Test
  void closeFailsWhatStillRuns() throws InterruptedException {
    SimulatedReplica replica = new SimulatedReplica(FAST.withTokensPerSecond(1));
    Recorder recorder = new Recorder();
    replica.start(Works.work(1, "a", SamplingParams.greedy(200)), recorder);
    replica.close();
    assertThat(recorder.await().failure()).contains(FailureCode.WORKER_LOST);
    Recorder late = new Recorder();
    replica.start(Works.work(2, "a", SamplingParams.greedy(200)), late);
    assertThat(late.await().failure()).contains(FailureCode.WORKER_LOST);
  }

  @Test
  void promptOverTheContextIsRefusedWithTheFigures() throws InterruptedException {
    try (SimulatedReplica replica = new SimulatedReplica(FAST)) {
      Recorder recorder = run(replica, Works.work(1, "x ".repeat(300), SamplingParams.greedy(1)));
      assertThat(recorder.failure()).contains(FailureCode.CONTEXT_LENGTH_EXCEEDED);
      assertThat(recorder.message()).contains("302").contains("256");
    }
  }

  private static Recorder run(Replica replica, Work work) throws InterruptedException {
    Recorder recorder = new Recorder();
    replica.start(work, recorder);
    return recorder.await();
  }
}
