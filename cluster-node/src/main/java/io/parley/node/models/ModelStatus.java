package io.parley.node.models;

import io.parley.routing.protocol.ModelId;
import io.parley.workers.engine.EngineMemory;
import java.time.Instant;
import java.util.Optional;

/**
 * A model of this node at one moment.
 *
 * @param number names it among all that this process was asked to load
 * @param spec what was asked for
 * @param engine what runs it
 * @param device what it is computed on
 * @param id as soon as it is known
 * @param kind known with the id
 * @param since when it came into its state
 * @param progress of what is under way, if that can be said
 * @param memory what it was estimated to take, as soon as that is known
 * @param activity while one that answers messages is loaded
 * @param failure why it failed, or why its worker loads it again
 */
public record ModelStatus(
    long number,
    String spec,
    String engine,
    String device,
    Optional<ModelId> id,
    Optional<ModelKind> kind,
    ModelState state,
    Instant since,
    Optional<Progress> progress,
    Optional<EngineMemory> memory,
    Optional<Activity> activity,
    Optional<Failure> failure) {

  /**
   * How far something is.
   *
   * @param unit "bytes" or "tensors"
   * @param total 0 when it is not known
   */
  public record Progress(String unit, long done, long total) {}

  /**
   * What it does.
   *
   * @param slots how many answers can run at once
   * @param kvBlocks blocks of keys and values in all
   * @param kvBlocksFree the ones that no running answer holds
   */
  public record Activity(int slots, int running, int waiting, int kvBlocks, int kvBlocksFree) {}

  /** A kind with a stable name, and a line for people. */
  public record Failure(String code, String message) {}
}
