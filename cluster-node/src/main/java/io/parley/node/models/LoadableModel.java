package io.parley.node.models;

import akka.actor.typed.Behavior;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.Drain;
import io.parley.workers.engine.EngineMemory;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The slow parts of one model's life. Each of {@link #find}, {@link #fetch}, {@link #load} and
 * {@link #warmUp} blocks, is called once in this order by one thread at a time, and throws {@link
 * ModelFailure}; {@code fetch} only when {@code find} said so.
 *
 * <p>Each may be cancelled: the consumer of its progress throws, and its thread is interrupted, but
 * not that of {@code load}. It then ends with whatever exception, leaves nothing half done, and
 * {@link #close} follows.
 */
public interface LoadableModel extends AutoCloseable {
  /** What runs it, in a word: "tensorflow", "simulated", "upstream". */
  String engine();

  /** What it is computed on: "cpu", "cpu:cores=0-3", "gpu:0"; "server" or "none" if not here. */
  String device();

  /** Looks for it without fetching anything; false when it has to be fetched. */
  boolean find();

  /** Brings it into the store. */
  void fetch(Consumer<ModelStatus.Progress> progress);

  /** Known after {@link #find} was true, or {@link #fetch}. */
  ModelId id();

  /** Known when {@link #id} is. */
  ModelKind kind();

  /** What it will take when it is loaded, from its header. */
  EngineMemory memory();

  /** Loads the first replica. */
  void load(Consumer<ModelStatus.Progress> progress);

  /** What it is, how it is run and how many slots it has, for people; after {@link #load}. */
  String description();

  /** Runs the first steps, for at most so long. */
  void warmUp(Duration limit) throws InterruptedException;

  /**
   * The actor that serves it. It takes over the replica that was loaded, and makes new ones.
   *
   * @param openings through which it makes each of them
   */
  Behavior<Drain> worker(Openings openings);

  /** What the replica that was opened last does; empty when there is nothing to say. */
  Optional<ModelStatus.Activity> activity();

  /** Frees what no worker took over. */
  @Override
  void close();

  /** Sees a worker make its replicas. */
  interface Openings {
    /** Called on a thread of the worker, which may block. */
    <T> T open(Supplier<T> replica);
  }
}
