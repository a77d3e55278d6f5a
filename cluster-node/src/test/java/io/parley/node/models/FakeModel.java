package io.parley.node.models;

import io.parley.node.models.ModelStatus.Activity;
import io.parley.node.models.ModelStatus.Progress;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** A model whose slow parts end when the test says so. */
public final class FakeModel implements LoadableModel {
  final List<String> done = new CopyOnWriteArrayList<>();
  public final CompletableFuture<Boolean> found = new CompletableFuture<>();
  final CompletableFuture<Void> fetched = new CompletableFuture<>();
  public final CompletableFuture<Void> loaded = new CompletableFuture<>();
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
      throw new IllegalStateException(e);
    } catch (java.util.concurrent.ExecutionException e) {
      throw (RuntimeException) e.getCause();
    }
  }

  @Override
  public String engine() {
    return "fake";
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
  public EngineMemory memory() {
    return memory;
  }

  @Override
  public void load(Consumer<Progress> progress) {
    progress.accept(new Progress("tensors", 1, 2));
    await(loaded);
    done.add("loaded");
  }

  @Override
  public void warmUp(Duration limit) {
    done.add("warm");
  }

  @Override
  public Replica openReplica() {
    done.add("opened");
    throw new UnsupportedOperationException("the worker of these tests drives none");
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
