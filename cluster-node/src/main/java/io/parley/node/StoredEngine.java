package io.parley.node;

import akka.actor.typed.Behavior;
import io.parley.node.models.LoadableModel.Openings;
import io.parley.node.models.ModelKind;
import io.parley.node.models.ModelStatus.Activity;
import io.parley.workers.Drain;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.ImportListener;
import java.time.Duration;
import java.util.Optional;

/**
 * What runs a model of the store, by the model's kind. It throws what engine and text throw; {@link
 * LoadedModel} makes of it what an operator reads.
 */
sealed interface StoredEngine extends AutoCloseable permits LoadedDecoder, LoadedEncoder {
  ModelKind kind();

  /** What it will take, from the file's header. */
  EngineMemory memory();

  /** Makes the first replica. */
  void load(ImportListener listener);

  /** What is known of that replica. */
  String description();

  /** Runs the first steps of that replica; how many. */
  int warmUp(Duration limit) throws InterruptedException;

  /** The actor that takes that replica over, and makes new ones. */
  Behavior<Drain> worker(Openings openings);

  Optional<Activity> activity();

  /** Frees what no worker took over, and lets go of what one has closed. */
  @Override
  void close();
}
