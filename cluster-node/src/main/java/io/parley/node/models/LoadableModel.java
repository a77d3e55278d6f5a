package io.parley.node.models;

import io.parley.routing.protocol.ModelId;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The slow parts of one model's life. Each of {@link #find}, {@link #fetch}, {@link #load} and
 * {@link #warmUp} blocks, is called once in this order by one thread at a time, and throws {@link
 * ModelFailure}; {@code fetch} only when {@code find} said so.
 */
public interface LoadableModel extends AutoCloseable {
  /** What runs it, in a word: "tensorflow", "simulated", "upstream". */
  String engine();

  /** Looks for it without fetching anything; false when it has to be fetched. */
  boolean find();

  /** Brings it into the store. */
  void fetch(Consumer<ModelStatus.Progress> progress);

  /** Known after {@link #find} was true, or {@link #fetch}. */
  ModelId id();

  /** What it will take when it is loaded, from its header. */
  EngineMemory memory();

  /** Loads the first replica. */
  void load(Consumer<ModelStatus.Progress> progress);

  /** What it is, how it is run and how many slots it has, for people; after {@link #load}. */
  String description();

  /** Runs the first steps, for at most so long. */
  void warmUp(Duration limit) throws InterruptedException;

  /** A replica for the worker: the one that was loaded, later new ones. */
  Replica openReplica();

  /** What the replica that was opened last does. */
  Optional<ModelStatus.Activity> activity();

  /** Frees what no worker took over. */
  @Override
  void close();
}
