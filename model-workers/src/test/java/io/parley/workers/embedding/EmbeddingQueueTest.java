package io.parley.workers.embedding;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.TestInbox;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.TenantId;
import io.parley.workers.embedding.EmbeddingQueue.Held;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EmbeddingQueueTest {
  private static final TenantId ALICE = new TenantId("alice");
  private static final TenantId BOB = new TenantId("bob");
  private static final int DIMENSIONS = 4;

  /** Of a text of no characters. */
  private static final int TEXT_BYTES = 64 + DIMENSIONS * 4;

  private final TestInbox<EmbeddingReply> inbox = TestInbox.create();
  private int ids;

  private EmbeddingRequest request(TenantId tenant, int texts) {
    List<String> all = Collections.nCopies(texts, "");
    return new EmbeddingRequest.Texts("r" + ids++, tenant, all, 0, inbox.getRef());
  }

  private static List<int[]> tokens(int texts, int length) {
    return Collections.nCopies(texts, new int[length]);
  }

  private Held ready(EmbeddingQueue queue, TenantId tenant, int texts, int length) {
    Held held = queue.admit(request(tenant, texts)).orElseThrow();
    queue.ready(held, tokens(texts, length));
    return held;
  }

  @Test
  void tenantsTakeTurnsTextByText() {
    EmbeddingQueue queue = new EmbeddingQueue(1 << 20, DIMENSIONS);
    Held large = ready(queue, ALICE, 10, 5);
    Held small = ready(queue, BOB, 2, 5);

    assertThat(queue.next(20).stream().map(EmbeddingQueue.Slot::held))
        .containsExactly(large, small, large, small);
    assertThat(queue.waitingTokens()).isEqualTo(8 * 5);
    assertThat(queue.next(100)).hasSize(8);
    assertThat(queue.next(100)).isEmpty();
    assertThat(queue.waitingTokens()).isZero();
  }

  @Test
  void aTextLongerThanABatchRunsAlone() {
    EmbeddingQueue queue = new EmbeddingQueue(1 << 20, DIMENSIONS);
    ready(queue, ALICE, 2, 50);
    assertThat(queue.next(10)).hasSize(1);
    assertThat(queue.next(10)).hasSize(1);
  }

  @Test
  void isBoundedAndKeepsRoomForOthers() {
    EmbeddingQueue queue = new EmbeddingQueue(10 * TEXT_BYTES, DIMENSIONS);
    Held first = queue.admit(request(ALICE, 6)).orElseThrow();
    assertThat(queue.admit(request(ALICE, 4))).isPresent();
    assertThat(queue.admit(request(ALICE, 1))).isEmpty();
    assertThat(queue.admit(request(BOB, 6))).as("more than a half").isEmpty();
    assertThat(queue.admit(request(BOB, 5))).as("bob's share").isPresent();
    assertThat(queue.admit(request(BOB, 1))).isEmpty();
    assertThat(queue.remove(first)).isTrue();
    assertThat(queue.remove(first)).isFalse();
    assertThat(queue.admit(request(ALICE, 1))).isPresent();
  }

  @Test
  void anEmptyQueueTakesWhatIsLargerThanItsBound() {
    EmbeddingQueue queue = new EmbeddingQueue(TEXT_BYTES, DIMENSIONS);
    assertThat(queue.admit(request(ALICE, 3))).isPresent();
    assertThat(queue.admit(request(ALICE, 1))).isEmpty();
  }

  @Test
  void whatIsLetGoIsNotComputed() {
    EmbeddingQueue queue = new EmbeddingQueue(1 << 20, DIMENSIONS);
    Held gone = ready(queue, ALICE, 3, 5);
    Held kept = ready(queue, ALICE, 1, 7);
    Held early = queue.admit(request(BOB, 2)).orElseThrow();
    assertThat(queue.next(5)).hasSize(1);
    queue.remove(gone);
    queue.remove(early);
    queue.ready(early, tokens(2, 5));
    assertThat(queue.waitingTokens()).isEqualTo(7);
    assertThat(queue.next(100).stream().map(EmbeddingQueue.Slot::held)).containsExactly(kept);
    assertThat(queue.find(gone.request().id())).isEmpty();
  }

  /** Whatever comes and goes, each text is computed once, and nothing is left. */
  @Test
  void everyTextIsGivenOnceAndAllMemoryComesBack() {
    for (int seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      EmbeddingQueue queue = new EmbeddingQueue(40 * TEXT_BYTES, DIMENSIONS);
      Map<Held, Integer> given = new HashMap<>();
      List<Held> open = new ArrayList<>();
      for (int step = 0; step < 300; step++) {
        switch (random.nextInt(4)) {
          case 0, 1 -> {
            int texts = 1 + random.nextInt(9);
            TenantId tenant = new TenantId("t" + random.nextInt(3));
            Optional<Held> held = queue.admit(request(tenant, texts));
            held.ifPresent(
                entry -> {
                  queue.ready(entry, tokens(texts, 1 + random.nextInt(9)));
                  open.add(entry);
                  given.put(entry, 0);
                });
          }
          case 2 -> take(queue, random.nextInt(30), given, open);
          default -> {
            if (!open.isEmpty()) {
              queue.remove(open.remove(random.nextInt(open.size())));
            }
          }
        }
      }
      while (!open.isEmpty()) {
        take(queue, 30, given, open);
      }
      assertThat(queue.waitingTokens()).as("seed %d", seed).isZero();
      assertThat(queue.all()).isEmpty();
      assertThat(queue.admit(request(ALICE, 40))).as("seed %d", seed).isPresent();
    }
  }

  private static void take(
      EmbeddingQueue queue, int tokens, Map<Held, Integer> given, List<Held> open) {
    for (EmbeddingQueue.Slot slot : queue.next(tokens)) {
      Held held = slot.held();
      assertThat(open).contains(held);
      assertThat(slot.index()).isEqualTo(given.merge(held, 1, Integer::sum) - 1);
      held.put(slot.index(), new float[DIMENSIONS]);
      if (held.complete().isPresent()) {
        assertThat(given.get(held)).isEqualTo(held.request().size());
        assertThat(queue.remove(held)).isTrue();
        open.remove(held);
      }
    }
  }
}
