package io.parley.node.models;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import io.parley.routing.protocol.ModelId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What the owner of a node's models understands. Each command is answered once, and soon: loading
 * and draining go on behind the answer, and {@link Describe} says how far they are.
 */
public final class NodeModels {
  private NodeModels() {}

  /** Everything that can be asked. */
  public sealed interface Command permits Load, Unload, Describe, Internal {}

  /** What the owner says to itself. */
  non-sealed interface Internal extends Command {}

  /**
   * Loads a model: fetches it if need be, and serves it when it is loaded and warm. A name is
   * looked up before the answer, which is then a refusal if there is none, or if its model is here
   * already; a file or source is answered at once, and such things become the failure of its state.
   */
  public record Load(ModelOrder order, ActorRef<Reply> replyTo) implements Command {}

  /**
   * Unloads a model: it leaves the directory, what runs goes on for a while, then it is handed back
   * to who asked for it. One that does not serve yet is cancelled; one that failed is forgotten.
   *
   * @param name {@code name@version}; a name, if just one version of it is here; or a number
   * @param patience how long running answers may go on; empty: {@code drain-timeout}
   */
  public record Unload(String name, Optional<Duration> patience, ActorRef<Reply> replyTo)
      implements Command {}

  /** All models of the node. */
  public record Describe(ActorRef<Models> replyTo) implements Command {}

  /** The node's models, in the order in which they were asked for. */
  public record Models(List<ModelStatus> models) {
    public Models {
      models = List.copyOf(models);
    }
  }

  /** What became of a command. */
  public sealed interface Reply {}

  /** It is under way. */
  public record Accepted(ModelStatus model) implements Reply {}

  /** Nothing was done. */
  public record Refused(Refusal reason, String message) implements Reply {}

  /** Why nothing was done. */
  public enum Refusal {
    /** There is no such name, in the store or in the catalogue. */
    UNKNOWN_MODEL,
    /** The model's file is damaged, or of a kind that cannot be run. */
    UNUSABLE,
    /** Nothing of that name is here. */
    NOT_LOADED,
    /** The same model and version serves already. */
    ALREADY_LOADED,
    /** The same model and version is being loaded. */
    LOADING,
    /** The same model and version is being unloaded, or its load cancelled. */
    DRAINING,
    /** Several versions have this name. */
    AMBIGUOUS,
    /** As many models as allowed are here. */
    TOO_MANY,
    /** A setting of the order is not allowed. */
    BAD_SETTING
  }

  /**
   * What the owner works with.
   *
   * @param models makes what loads an order
   * @param engineKeepsMemory whether the engine keeps what an unloaded model took, for the next one
   * @param served whether a worker of this node serves a model, as its directory knows
   */
  public record Surroundings(
      ModelsSettings settings,
      MemoryBudget budget,
      boolean engineKeepsMemory,
      Function<ModelOrder, LoadableModel> models,
      Predicate<ModelId> served) {}

  /** A model that was loaded while the node started. */
  public record Ready(ModelOrder order, LoadableModel model) {}

  /**
   * The owner.
   *
   * @param ready found, loaded and warm
   */
  public static Behavior<Command> create(Surroundings surroundings, List<Ready> ready) {
    return NodeModelsBehavior.create(surroundings, ready);
  }
}
