package io.parley.node.bulk;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class SlotsTest {
  @Test
  void whoFindsNoneFreeWaitsInLine() {
    Slots slots = new Slots(2);
    CompletableFuture<Void> first = slots.acquire().toCompletableFuture();
    CompletableFuture<Void> second = slots.acquire().toCompletableFuture();
    CompletableFuture<Void> third = slots.acquire().toCompletableFuture();
    CompletableFuture<Void> fourth = slots.acquire().toCompletableFuture();
    assertThat(first).isCompleted();
    assertThat(second).isCompleted();
    assertThat(third).isNotDone();

    slots.release();
    assertThat(third).isCompleted();
    assertThat(fourth).isNotDone();
    slots.release();
    assertThat(fourth).isCompleted();

    slots.release();
    slots.release();
    assertThat(slots.acquire().toCompletableFuture()).isCompleted();
    assertThat(slots.acquire().toCompletableFuture()).isCompleted();
    assertThat(slots.acquire().toCompletableFuture()).isNotDone();
  }
}
