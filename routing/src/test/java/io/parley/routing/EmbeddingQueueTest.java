package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.TestInbox;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.TenantId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EmbeddingQueueTest {
  private static final TenantId ALICE = new TenantId("alice");
  private static final TenantId BOB = new TenantId("bob");
  private static final ModelInfo MODEL =
      new ModelInfo(ModelId.parse("encoder@1"), 8, 0, "tests", "Apache-2.0", 4);

  /** Of a text of no characters. */
  private static final int TEXT_BYTES = 64 + 4 * 4;

  private final TestInbox<EmbeddingReply> inbox = TestInbox.create();
  private int ids;

  private EmbeddingPart part(TenantId tenant, int texts) {
    return new EmbeddingPart(
        MODEL,
        new EmbeddingRequest.Texts("r" + ids++, tenant, Collections.nCopies(texts, ""), 0),
        inbox.getRef());
  }

  @Test
  void isBoundedAndKeepsRoomForOthers() {
    EmbeddingQueue queue = new EmbeddingQueue(10 * TEXT_BYTES);
    EmbeddingPart first = part(ALICE, 6);
    assertThat(queue.offer(first, 0)).isTrue();
    assertThat(queue.offer(part(ALICE, 4), 0)).isTrue();
    assertThat(queue.offer(part(ALICE, 1), 0)).isFalse();
    assertThat(queue.offer(part(BOB, 6), 0)).as("more than a half").isFalse();
    assertThat(queue.offer(part(BOB, 5), 0)).as("bob's share").isTrue();
    assertThat(queue.offer(part(BOB, 1), 0)).isFalse();
    queue.take(first);
    assertThat(queue.offer(part(ALICE, 1), 0)).as("handed out, not answered").isFalse();
    queue.release(first);
    assertThat(queue.offer(part(ALICE, 1), 0)).isTrue();
  }

  @Test
  void anEmptyQueueTakesWhatIsLargerThanItsBound() {
    EmbeddingQueue queue = new EmbeddingQueue(TEXT_BYTES);
    assertThat(queue.offer(part(ALICE, 3), 0)).isTrue();
    assertThat(queue.offer(part(ALICE, 1), 0)).isFalse();
  }

  @Test
  void tenantsTakeTurns() {
    EmbeddingQueue queue = new EmbeddingQueue(1 << 20);
    List<EmbeddingPart> parts =
        List.of(part(ALICE, 1), part(ALICE, 1), part(ALICE, 1), part(BOB, 1));
    parts.forEach(part -> queue.offer(part, 0));
    List<EmbeddingPart> order = new ArrayList<>();
    while (queue.waiting() > 0) {
      EmbeddingPart next = queue.peek().orElseThrow();
      queue.take(next);
      order.add(next);
    }
    assertThat(order).containsExactly(parts.get(0), parts.get(3), parts.get(1), parts.get(2));
    assertThat(queue.isEmpty()).isFalse();
  }

  /** Whatever comes and goes, all memory comes back. */
  @Test
  void nothingIsLeftInTheEnd() {
    for (int seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      EmbeddingQueue queue = new EmbeddingQueue(40 * TEXT_BYTES);
      List<EmbeddingPart> waiting = new ArrayList<>();
      List<EmbeddingPart> out = new ArrayList<>();
      for (int step = 0; step < 300; step++) {
        switch (random.nextInt(4)) {
          case 0 -> {
            EmbeddingPart part = part(new TenantId("t" + random.nextInt(3)), 1 + random.nextInt(9));
            if (queue.offer(part, step)) {
              waiting.add(part);
            }
          }
          case 1 ->
              queue
                  .peek()
                  .ifPresent(
                      next -> {
                        queue.take(next);
                        waiting.remove(next);
                        out.add(next);
                      });
          case 2 -> {
            if (!out.isEmpty()) {
              EmbeddingPart lost = out.remove(random.nextInt(out.size()));
              queue.putBack(lost, step);
              waiting.add(lost);
            }
          }
          default -> {
            List<EmbeddingPart> from = random.nextBoolean() ? waiting : out;
            if (!from.isEmpty()) {
              queue.release(from.remove(random.nextInt(from.size())));
            }
          }
        }
        assertThat(queue.waiting()).as("seed %d", seed).isEqualTo(waiting.size());
        assertThat(queue.isEmpty()).isEqualTo(waiting.isEmpty() && out.isEmpty());
      }
      waiting.forEach(queue::release);
      out.forEach(queue::release);
      assertThat(queue.isEmpty()).as("seed %d", seed).isTrue();
      assertThat(queue.offer(part(ALICE, 40), 0)).as("seed %d", seed).isTrue();
    }
  }
}
