package io.parley.sessions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.typed.ActorRef;
import io.parley.persistence.RunningTurns;
import io.parley.persistence.RunningTurns.Entry;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TurnResumerTest {
  private static final List<Integer> ALL = IntStream.range(0, RunningTurns.SLICES).boxed().toList();

  private final ListedTurns running = new ListedTurns();
  private final Queue<Entry> woken = new ConcurrentLinkedQueue<>();
  private ActorRef<TurnResumer.Command> resumer;

  @AfterEach
  void stop() {
    SessionFixture.KIT.stop(resumer);
  }

  private void start(
      String interval, List<Integer> slices, Function<Entry, CompletionStage<?>> wake) {
    SessionSettings.Resume settings = new SessionSettings.Resume(Duration.parse(interval), 1000);
    resumer = SessionFixture.KIT.spawn(TurnResumer.create(running, settings, () -> slices, wake));
  }

  private CompletionStage<?> wake(Entry entry) {
    woken.add(entry);
    return CompletableFuture.completedFuture(null);
  }

  @Test
  void wakesAllThatAreListedWhenItStarts() {
    IntStream.range(0, 100).forEach(i -> running.entries.add(new Entry("default/s" + i, 1)));
    start("PT1H", ALL, this::wake);
    await().untilAsserted(() -> assertThat(woken).hasSize(100));
    assertThat(woken).containsExactlyInAnyOrderElementsOf(running.entries);
  }

  @Test
  void wakesOnlyTheSessionsOfItsSlices() {
    Entry mine = new Entry("default/a", 1);
    List<Entry> others =
        IntStream.range(0, 100)
            .mapToObj(i -> new Entry("default/s" + i, 1))
            .filter(entry -> entry.slice() != mine.slice())
            .toList();
    running.entries.add(mine);
    running.entries.addAll(others);
    start("PT0.01S", List.of(mine.slice()), this::wake);
    // a second walk: the first one is over
    await().until(() -> woken.size() > 1);
    assertThat(woken).containsOnly(mine);
  }

  @Test
  void asksAgainForWhoDidNotWakeUp() {
    running.entries.add(new Entry("default/deaf", 3));
    start(
        "PT0.01S",
        ALL,
        entry -> {
          woken.add(entry);
          return CompletableFuture.failedFuture(new IllegalStateException("asleep"));
        });
    await().until(() -> woken.size() > 2);
  }

  @Test
  void walksAgainWhenTheListCannotBeRead() {
    running.entries.add(new Entry("default/a", 1));
    running.failNext(2);
    start("PT0.01S", ALL, this::wake);
    await().until(() -> !woken.isEmpty());
  }
}
