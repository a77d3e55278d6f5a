package io.parley.node.models;

import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import io.parley.node.models.ModelStatus.Activity;
import io.parley.node.models.ModelStatus.Progress;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.Drain;
import io.parley.workers.engine.EngineMemory;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** A model whose slow parts end when the test says so. */
public final class FakeModel implements LoadableModel {
  final List<String> done = new CopyOnWriteArrayList<>();
  public final CompletableFuture<Boolean> found = new CompletableFuture<>();
  final CompletableFuture<Void> fetched = new CompletableFuture<>();
  public final CompletableFuture<Void> loaded = new CompletableFuture<>();
  final List<Drain> drained = new CopyOnWriteArrayList<>();
  volatile boolean endsWhenDrained = true;
  volatile Optional<CountDownLatch> warming = Optional.empty();
  volatile Openings openings;
  volatile ModelKind kind = ModelKind.CHAT;
  volatile EngineMemory memory = new EngineMemory(1 << 20, 2 << 20, 3 << 20);

  private final ModelId id;

  public FakeModel(ModelId id) {
    this.id = id;
  }

  /** One that is in the store and loads at once. */
  public static FakeModel ready(ModelId id) {
    FakeModel model = new FakeModel(id);
    model.found.complete(true);
    model.loaded.complete(null);
    return model;
  }

  private static <T> T await(CompletableFuture<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted", e);
    } catch (java.util.concurrent.ExecutionException e) {
      throw (RuntimeException) e.getCause();
    }
  }

  @Override
  public String engine() {
    return "fake";
  }

  @Override
  public String device() {
    return "cpu";
  }

  @Override
  public String description() {
    return id + ", fake";
  }

  @Override
  public boolean find() {
    return await(found);
  }

  @Override
  public void fetch(Consumer<Progress> progress) {
    progress.accept(new Progress("bytes", 5, 10));
    await(fetched);
    done.add("fetched");
  }

  @Override
  public ModelId id() {
    return id;
  }

  @Override
  public ModelKind kind() {
    return kind;
  }

  @Override
  public EngineMemory memory() {
    return memory;
  }

  @Override
  public void load(Consumer<Progress> progress) {
    while (!loaded.isDone()) {
      progress.accept(new Progress("tensors", 1, 2));
      LockSupport.parkNanos(1_000_000);
    }
    await(loaded);
    done.add("loaded");
  }

  @Override
  public void warmUp(Duration limit) throws InterruptedException {
    if (warming.isPresent()) {
      warming.get().await();
    }
    done.add("warm");
  }

  /** It drives nothing, and ends when it is told to drain if the test says so. */
  @Override
  public Behavior<Drain> worker(Openings openings) {
    this.openings = openings;
    return Behaviors.receiveMessage(
        drain -> {
          drained.add(drain);
          return endsWhenDrained ? Behaviors.stopped() : Behaviors.same();
        });
  }

  @Override
  public Optional<Activity> activity() {
    return done.contains("loaded") ? Optional.of(new Activity(4, 1, 0, 10, 8)) : Optional.empty();
  }

  @Override
  public void close() {
    done.add("closed");
  }
}
