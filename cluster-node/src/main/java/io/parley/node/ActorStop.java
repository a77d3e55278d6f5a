package io.parley.node;

import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorSystem;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The orderly stop of a node's actors. */
final class ActorStop {
  private ActorStop() {}

  /**
   * Stops them and waits for the end of the last one.
   *
   * @return why some may still run, and write; empty when none does
   */
  static Optional<Exception> run(ActorSystem<?> actors, Duration patience) {
    try {
      CoordinatedShutdown.get(actors)
          .runAll(CoordinatedShutdown.jvmExitReason())
          // the shutdown itself goes on when a phase takes too long, the last one as well
          .thenCompose(done -> actors.getWhenTerminated())
          .toCompletableFuture()
          .get(patience.toMillis(), TimeUnit.MILLISECONDS);
      return Optional.empty();
    } catch (ExecutionException | TimeoutException e) {
      return Optional.of(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of(e);
    }
  }
}
