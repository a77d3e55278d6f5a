package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.BatcherStats;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SoakTest {
  private static final Duration ROUND = Duration.ofMillis(100);
  private static final int BLOCKS = 8;

  private final Counting alone = new Counting(0, 0);

  @AfterEach
  void close() {
    alone.close();
  }

  @Test
  void aSoundReplicaPassesWithCancellations() throws InterruptedException {
    try (Counting replica = new Counting(0, 0)) {
      Soak.Round round = soak(replica, BLOCKS).round(ROUND, 50);
      assertThat(round.wrong()).isEmpty();
      assertThat(round.leakedBlocks()).isZero();
      assertThat(round.sound()).isTrue();
      assertThat(round.works()).isGreaterThan(round.cancelled());
      assertThat(round.cancelled()).isPositive();
      assertThat(round.checked()).isPositive();
    }
  }

  @Test
  void aTokenThatDiffersIsNamed() throws InterruptedException {
    try (Counting replica = new Counting(5, 0)) {
      Soak.Round round = soak(replica, BLOCKS).round(ROUND, 50);
      assertThat(round.sound()).isFalse();
      // behind a prefix the first token may be wrong already
      assertThat(round.wrong()).anyMatch(line -> line.contains("the first 5 the same"));
    }
  }

  @Test
  void anAnswerThatEndsEarlyIsNamed() throws InterruptedException {
    try (Counting replica = new Counting(0, 3)) {
      Soak.Round round = soak(replica, BLOCKS).round(ROUND, 50);
      assertThat(round.wrong()).anyMatch(line -> line.contains(": 3 tokens, alone"));
    }
  }

  @Test
  void aBlockThatIsHeldIsALeak() throws InterruptedException {
    try (Counting replica = new Counting(0, 0)) {
      Soak.Round round = soak(replica, BLOCKS - 1, Duration.ofMillis(20)).round(ROUND, 1);
      assertThat(round.leakedBlocks()).isEqualTo(1);
      assertThat(round.sound()).isFalse();
    }
  }

  private Soak soak(Replica replica, int freeBlocks) {
    return soak(replica, freeBlocks, Duration.ofSeconds(30));
  }

  private Soak soak(Replica replica, int freeBlocks, Duration freeMax) {
    BatcherStats stats = new BatcherStats(0, 0, freeBlocks, 0, BLOCKS, 0, 0, 0, 0, 0);
    return new Soak(replica, () -> stats, alone, 4, 1, freeMax);
  }

  /** Answers with the numbers of the positions, in one thread; may be made to go wrong. */
  private static final class Counting implements Replica {
    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final Set<AttemptId> cancelled = ConcurrentHashMap.newKeySet();
    private final AtomicInteger starts = new AtomicInteger();
    private final int wrongAt;
    private final int endAt;

    Counting(int wrongAt, int endAt) {
      this.wrongAt = wrongAt;
      this.endAt = endAt;
    }

    @Override
    public ModelInfo model() {
      return new ModelInfo(new ModelId("counting", "1"), 256, 0, "test", "Apache-2.0");
    }

    @Override
    public int slots() {
      return 1;
    }

    @Override
    public String variant() {
      return "counting";
    }

    /** Has no room each tenth time. */
    @Override
    public boolean start(Work work, Listener listener) {
      if (starts.incrementAndGet() % 10 == 0) {
        return false;
      }
      thread.execute(() -> run(work, listener));
      return true;
    }

    private void run(Work work, Listener listener) {
      tell(work, () -> listener.admitted(new PromptInfo(1, 0, 0, work.model(), variant())));
      int end = work.sampling().maxTokens();
      for (int at = work.prefix().size(); at < end && (endAt == 0 || at < endAt); at++) {
        int id = wrongAt > 0 && at >= wrongAt ? at + 1 : at;
        tell(work, () -> listener.token(new Token(id, "")));
      }
      tell(work, () -> listener.finished(new Finish(FinishReason.LENGTH, "")));
    }

    private void tell(Work work, Runnable event) {
      if (!cancelled.contains(work.id())) {
        event.run();
      }
    }

    @Override
    public void cancel(AttemptId id) {
      cancelled.add(id);
    }

    @Override
    public boolean isBroken() {
      return false;
    }

    @Override
    public void close() {
      thread.shutdownNow();
    }
  }
}
