package io.parley.node;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A part of a node that starts on a thread of its own.
 *
 * @param thread is a daemon: one that cannot be interrupted ends with the process
 */
record Starting<T>(Thread thread, CompletableFuture<T> future) {

  static <T> Starting<T> inBackground(String what, Supplier<T> start) {
    CompletableFuture<T> future = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                future.complete(start.get());
              } catch (RuntimeException | Error e) {
                future.completeExceptionally(e);
              }
            },
            "start-" + what);
    thread.setDaemon(true);
    thread.start();
    return new Starting<>(thread, future);
  }

  /** Returns when all have started, or throws what one of them failed with, as soon as it does. */
  static void awaitAll(List<? extends Starting<?>> all) {
    CompletableFuture<Object> failed = new CompletableFuture<>();
    for (Starting<?> each : all) {
      var unused =
          each.future.whenComplete(
              (result, failure) -> {
                if (failure != null) {
                  failed.completeExceptionally(failure);
                }
              });
    }
    try {
      CompletableFuture<?>[] futures =
          all.stream().map(Starting::future).toArray(CompletableFuture<?>[]::new);
      CompletableFuture.anyOf(CompletableFuture.allOf(futures), failed).join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException reason) {
        throw reason;
      }
      throw e;
    }
  }

  /** Of a part that has started. */
  T result() {
    return future.join();
  }

  /**
   * Stops it, now or as soon as it has started.
   *
   * @param patience how long to wait for a start that is still under way
   */
  void close(Consumer<T> stop, Duration patience) {
    thread.interrupt();
    CompletableFuture<Void> stopped = future.thenAccept(stop);
    try {
      stopped.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      // a start that failed has cleaned up; one that takes longer ends with the process
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
