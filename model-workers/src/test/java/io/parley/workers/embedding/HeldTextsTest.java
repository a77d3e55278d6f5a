package io.parley.workers.embedding;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.TestInbox;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.TenantId;
import io.parley.workers.embedding.HeldTexts.Held;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HeldTextsTest {
  private static final TenantId ALICE = new TenantId("alice");
  private static final TenantId BOB = new TenantId("bob");
  private static final int DIMENSIONS = 4;

  private final TestInbox<EmbeddingReply> inbox = TestInbox.create();
  private int ids;

  private EmbeddingRequest request(TenantId tenant, int texts) {
    List<String> all = Collections.nCopies(texts, "");
    return new EmbeddingRequest.Texts("r" + ids++, tenant, all, 0);
  }

  private static List<int[]> tokens(int texts, int length) {
    return Collections.nCopies(texts, new int[length]);
  }

  private Held ready(HeldTexts queue, TenantId tenant, int texts, int length) {
    Held held = queue.add(request(tenant, texts), inbox.getRef());
    queue.ready(held, tokens(texts, length));
    return held;
  }

  @Test
  void tenantsTakeTurnsTextByText() {
    HeldTexts queue = new HeldTexts();
    Held large = ready(queue, ALICE, 10, 5);
    Held small = ready(queue, BOB, 2, 5);

    assertThat(queue.next(20).stream().map(HeldTexts.Slot::held))
        .containsExactly(large, small, large, small);
    assertThat(queue.next(100)).hasSize(8);
    assertThat(queue.next(100)).isEmpty();
  }

  @Test
  void aTextLongerThanABatchRunsAlone() {
    HeldTexts queue = new HeldTexts();
    ready(queue, ALICE, 2, 50);
    assertThat(queue.next(10)).hasSize(1);
    assertThat(queue.next(10)).hasSize(1);
  }

  @Test
  void whatIsLetGoIsNotComputed() {
    HeldTexts queue = new HeldTexts();
    Held gone = ready(queue, ALICE, 3, 5);
    Held kept = ready(queue, ALICE, 1, 7);
    Held early = queue.add(request(BOB, 2), inbox.getRef());
    assertThat(queue.next(5)).hasSize(1);
    queue.remove(gone);
    queue.remove(early);
    queue.ready(early, tokens(2, 5));
    assertThat(queue.next(100).stream().map(HeldTexts.Slot::held)).containsExactly(kept);
    assertThat(queue.find(gone.request().id())).isEmpty();
  }

  /** Whatever comes and goes, each text is computed once, and nothing is left. */
  @Test
  void everyTextIsGivenOnceAndNothingIsLeft() {
    for (int seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      HeldTexts queue = new HeldTexts();
      Map<Held, Integer> given = new HashMap<>();
      List<Held> open = new ArrayList<>();
      for (int step = 0; step < 300; step++) {
        switch (random.nextInt(4)) {
          case 0, 1 -> {
            int texts = 1 + random.nextInt(9);
            TenantId tenant = new TenantId("t" + random.nextInt(3));
            Held held = ready(queue, tenant, texts, 1 + random.nextInt(9));
            open.add(held);
            given.put(held, 0);
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
      assertThat(queue.next(1)).as("seed %d", seed).isEmpty();
      assertThat(queue.isEmpty()).as("seed %d", seed).isTrue();
      assertThat(queue.estimatedTokens()).isZero();
    }
  }

  private static void take(HeldTexts queue, int tokens, Map<Held, Integer> given, List<Held> open) {
    for (HeldTexts.Slot slot : queue.next(tokens)) {
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
