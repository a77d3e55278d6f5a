package io.parley.workers.replica;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.batch.BatcherStats;
import io.parley.workers.batch.FakeModel;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Hundreds of works of all lengths through a replica with little KV memory, many cancelled. */
class EngineReplicaSoakTest {
  private static final int WORKS = 600;
  private static final int CONTEXT = 128;
  private static final int BLOCKS = 40;
  private static final int AT_ONCE = 16;
  private static final String SYSTEM = "you are a lighthouse keeper and answer in short sentences ";

  private final Random random = new Random(20260801);

  @Test
  void allBlocksComeBackAndAnswersAreThoseOfRunsAlone() throws InterruptedException {
    Map<Work, Recorder> all = new LinkedHashMap<>();
    Set<AttemptId> cancelled = new HashSet<>();
    try (EngineReplica replica = replica(true)) {
      List<Work> running = new ArrayList<>();
      for (int n = 0; n < WORKS; n++) {
        Work work = work(n);
        all.put(work, new Recorder());
        replica.start(work, all.get(work));
        running.add(work);
        if (random.nextInt(6) == 0) {
          Work victim = running.remove(random.nextInt(running.size()));
          replica.cancel(victim.id());
          cancelled.add(victim.id());
        }
        if (running.size() > AT_ONCE) {
          all.get(running.remove(0)).await();
        }
      }
      for (Work work : running) {
        all.get(work).await();
      }
      Awaitility.await().until(() -> replica.stats().freeBlocks() == BLOCKS);
      BatcherStats stats = replica.stats();
      assertThat(stats.running() + stats.waiting()).isZero();
      assertThat(stats.cachedBlocks()).isBetween(1, BLOCKS);
      assertThat(stats.preemptions()).isPositive();
      assertThat(stats.cachedTokens()).isPositive();
    }
    try (EngineReplica alone = replica(false)) {
      for (Map.Entry<Work, Recorder> entry : all.entrySet()) {
        Recorder recorder = entry.getValue().verified();
        Recorder single = new Recorder();
        alone.start(entry.getKey(), single);
        List<Integer> expected = single.await().ids();
        if (cancelled.contains(entry.getKey().id()) && !recorder.isEnded()) {
          expected = expected.subList(0, recorder.ids().size());
        } else {
          assertThat(recorder.finish()).as("%s", entry.getKey().id()).isPresent();
          assertThat(recorder.finish()).isEqualTo(single.finish());
        }
        assertThat(recorder.ids()).as("%s", entry.getKey().id()).isEqualTo(expected);
      }
      assertThat(alone.stats().cachedTokens()).isZero();
    }
  }

  private Work work(int n) {
    StringBuilder text = new StringBuilder(random.nextInt(4) > 0 ? SYSTEM : "");
    for (int i = random.nextInt(40); i >= 0; i--) {
      text.append((char) ('a' + random.nextInt(26)));
    }
    SamplingParams sampling =
        new SamplingParams(
            random.nextInt(3) == 0 ? 0 : 1,
            1,
            0,
            0,
            1,
            0,
            0,
            random.nextLong(),
            List.of(),
            1 + random.nextInt(60),
            random.nextBoolean(),
            false,
            0);
    Work work = Works.withTenant(Works.work(n, text.toString(), sampling), "t" + random.nextInt(2));
    return random.nextInt(3) == 0 ? Works.withPriority(work, Priority.BULK) : work;
  }

  private static EngineReplica replica(boolean prefixCache) {
    FakeModel model = new FakeModel(FakeModel.spec(CONTEXT, 8, BLOCKS, 64), 6);
    return new EngineReplica(
        Works.INFO,
        model,
        model,
        model,
        new BatcherSettings(6, 64, 24, prefixCache, WORKS, 2, 4, 16));
  }
}
