package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Extension;
import akka.actor.typed.ExtensionId;
import akka.actor.typed.Props;
import akka.actor.typed.receptionist.ServiceKey;
import io.parley.routing.protocol.CborSerializable;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/**
 * What models are served in the cluster, as this node knows it. Workers register with the
 * receptionist when they are ready; each node's directory asks them once what they serve, and
 * forgets a worker that stopped or whose node was removed. A model whose last worker went without a
 * farewell stays known for a while: it is likely to come back, and who asks for it may wait. The
 * first use on a node starts the directory, so it is empty for a moment then.
 */
public final class WorkerDirectory implements Extension {
  /** Under this key a worker registers when it is ready to run works. */
  public static final ServiceKey<WorkerMessage> SERVICE_KEY =
      ServiceKey.create(WorkerMessage.class, "parley-worker");

  private static final Id ID = new Id();

  /** Asks a worker what it serves; it answers now, and whenever that changes. */
  public record Describe(ActorRef<Answer> replyTo) implements WorkerMessage {}

  /** What a worker says of itself. */
  public sealed interface Answer extends CborSerializable {
    ActorRef<WorkerMessage> worker();
  }

  /** What a worker serves. */
  public record Description(ActorRef<WorkerMessage> worker, ModelInfo model) implements Answer {}

  /** The worker's model is being unloaded: unlike one that crashed, it does not come back. */
  public record Farewell(ActorRef<WorkerMessage> worker) implements Answer {}

  private record Served(
      Map<ActorRef<WorkerMessage>, ModelInfo> workers,
      Set<ActorRef<WorkerMessage>> reachable,
      List<ModelInfo> models) {}

  private final AtomicReference<Served> served =
      new AtomicReference<>(new Served(Map.of(), Set.of(), List.of()));

  private volatile boolean anyKnown;

  private WorkerDirectory(ActorSystem<?> system) {
    RoutingSettings settings = RoutingSettings.from(system.settings().config());
    system.systemActorOf(
        DirectoryBehavior.create(
            settings.describeInterval(), settings.forgetModelAfter(), this::publish),
        "parley-worker-directory",
        Props.empty());
  }

  private void publish(
      Map<ActorRef<WorkerMessage>, ModelInfo> workers,
      Set<ActorRef<WorkerMessage>> reachable,
      Collection<ModelInfo> missed) {
    List<ModelInfo> models =
        Stream.concat(workers.values().stream(), missed.stream())
            .distinct()
            .sorted(order())
            .toList();
    served.set(new Served(workers, reachable, models));
    anyKnown |= !models.isEmpty();
  }

  public static WorkerDirectory get(ActorSystem<?> system) {
    return ID.apply(system);
  }

  /** Every model that is served somewhere, or was lately, by name and then newest first. */
  public List<ModelInfo> models() {
    return served.get().models();
  }

  /**
   * Finds a model.
   *
   * @param nameOrId {@code name@version}, or a name alone for its newest version
   */
  public Optional<ModelInfo> find(String nameOrId) {
    return find(models(), nameOrId);
  }

  /**
   * Whether this node has heard of a worker since it started. Until then an empty list means that
   * nobody knows yet.
   */
  public boolean hasHeard() {
    return anyKnown;
  }

  /** The workers that serve exactly this model and version, in no order. */
  public List<ActorRef<WorkerMessage>> workers(ModelId id) {
    return served.get().workers().entrySet().stream()
        .filter(worker -> worker.getValue().id().equals(id))
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Whether another worker could take over from this one now, as far as this node knows. */
  public boolean hasAnother(ModelId id, ActorRef<WorkerMessage> worker) {
    Set<ActorRef<WorkerMessage>> reachable = served.get().reachable();
    return workers(id).stream()
        .anyMatch(other -> !other.equals(worker) && reachable.contains(other));
  }

  /** Whether a worker of this node serves exactly this model and version. */
  public boolean servesHere(ModelId id) {
    return workers(id).stream().anyMatch(worker -> worker.path().address().hasLocalScope());
  }

  /** Whether a worker serves exactly this model and version. */
  public boolean serves(ModelId id) {
    return !workers(id).isEmpty();
  }

  /** The same, or one did until lately and is likely to come back. */
  public boolean expects(ModelId id) {
    return models().stream().anyMatch(model -> model.id().equals(id));
  }

  static Optional<ModelInfo> find(List<ModelInfo> newestFirst, String nameOrId) {
    return newestFirst.stream()
        .filter(
            model -> model.id().name().equals(nameOrId) || model.id().toString().equals(nameOrId))
        .findFirst();
  }

  /** Name, then newest first. */
  static Comparator<ModelInfo> order() {
    return Comparator.comparing((ModelInfo model) -> model.id().name())
        .thenComparing(Comparator.comparingLong(ModelInfo::createdEpochSeconds).reversed())
        .thenComparing(model -> model.id().version(), Comparator.reverseOrder());
  }

  private static final class Id extends ExtensionId<WorkerDirectory> {
    @Override
    public WorkerDirectory createExtension(ActorSystem<?> system) {
      return new WorkerDirectory(system);
    }
  }
}
