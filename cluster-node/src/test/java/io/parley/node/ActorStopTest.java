package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ActorStopTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final String PHASE = CoordinatedShutdown.PhaseBeforeServiceUnbind();

  private final CompletableFuture<Done> task = new CompletableFuture<>();
  private final ActorSystem<Void> actors = ActorSystem.create(Behaviors.empty(), "stop", config());

  /** A phase that takes longer than anybody waits, and whose failure ends the shutdown. */
  private static Config config() {
    return ConfigFactory.parseString(
            "akka.actor.provider = local\n"
                // so that the test can end what the shutdown leaves running
                + "akka.coordinated-shutdown.run-by-actor-system-terminate = off\n"
                + "akka.coordinated-shutdown.phases."
                + PHASE
                + " { timeout = 1h, recover = off }")
        .withFallback(ConfigFactory.load());
  }

  @AfterEach
  void end() {
    task.cancel(false);
    ActorTestKit.shutdown(actors);
  }

  private void addTask() {
    CoordinatedShutdown.get(actors).addTask(PHASE, "task", () -> task);
  }

  @Test
  void isDoneWhenTheLastActorHasEnded() {
    assertThat(ActorStop.run(actors, PATIENCE)).isEmpty();
    assertThat(actors.getWhenTerminated()).isCompleted();
  }

  @Test
  void isNotDoneWhenItsPatienceIsOver() {
    addTask();

    assertThat(ActorStop.run(actors, Duration.ofMillis(1)))
        .containsInstanceOf(TimeoutException.class);
  }

  @Test
  void isNotDoneWhenTheShutdownFails() {
    addTask();
    task.completeExceptionally(new IllegalStateException("a task that fails"));

    assertThat(ActorStop.run(actors, PATIENCE)).containsInstanceOf(ExecutionException.class);
  }

  @Test
  void isNotDoneForACallerThatIsInterrupted() {
    addTask();
    Thread.currentThread().interrupt();

    assertThat(ActorStop.run(actors, PATIENCE)).containsInstanceOf(InterruptedException.class);
    assertThat(Thread.interrupted()).isTrue();
  }
}
