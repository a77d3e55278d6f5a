package io.parley.sessions;

import akka.NotUsed;
import akka.stream.javadsl.Source;
import io.parley.persistence.RunningTurns;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** The list of running turns in memory, which may fail or hang as a test wants. */
final class ListedTurns implements RunningTurns {
  final Set<Entry> entries = ConcurrentHashMap.newKeySet();
  final AtomicInteger failures = new AtomicInteger();
  volatile CompletableFuture<Void> gate = CompletableFuture.completedFuture(null);

  /** The next so many calls fail. */
  void failNext(int calls) {
    failures.set(calls);
  }

  private boolean fails() {
    return failures.getAndUpdate(n -> Math.max(0, n - 1)) > 0;
  }

  private static <T> CompletableFuture<T> failure() {
    return CompletableFuture.failedFuture(new IllegalStateException("as the test wants"));
  }

  @Override
  public CompletionStage<?> add(Entry entry) {
    return fails() ? failure() : gate.thenRun(() -> entries.add(entry));
  }

  @Override
  public CompletionStage<?> remove(Entry entry) {
    return fails() ? failure() : CompletableFuture.completedFuture(entries.remove(entry));
  }

  @Override
  public Source<Entry, NotUsed> inSlice(int slice) {
    if (fails()) {
      return Source.failed(new IllegalStateException("as the test wants"));
    }
    List<Entry> found = entries.stream().filter(entry -> entry.slice() == slice).toList();
    return Source.from(found);
  }
}
