package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Extension;
import akka.actor.typed.ExtensionId;
import akka.actor.typed.Props;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.TenantId;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The way to this node's {@link Dispatcher}. The first call of {@link #local()} starts it, unless
 * {@code start} did before.
 */
public final class Dispatchers implements Extension {
  private static final Id ID = new Id();

  private final ActorSystem<?> system;
  private final Map<ModelId, FullQueue> full = new ConcurrentHashMap<>();
  private ActorRef<Dispatcher.Command> dispatcher; // guarded by this

  private Dispatchers(ActorSystem<?> system) {
    this.system = system;
  }

  public static Dispatchers get(ActorSystem<?> system) {
    return ID.apply(system);
  }

  /** This node's dispatcher. */
  public synchronized ActorRef<Dispatcher.Command> local() {
    return dispatcher == null ? start() : dispatcher;
  }

  /**
   * Starts this node's dispatcher, as {@code parley.routing} of the configuration says.
   *
   * @throws IllegalStateException when it runs already
   * @throws IllegalArgumentException when a setting is wrong
   */
  public ActorRef<Dispatcher.Command> start() {
    WorkerDirectory directory = WorkerDirectory.get(system);
    return start(
        DispatcherBehavior.create(
            new DispatcherBehavior.Surroundings(
                RoutingSettings.from(system.settings().config()),
                directory::expects,
                directory::workers,
                SessionReports.bySharding(system),
                full,
                InstantSource.system())));
  }

  /**
   * A dispatcher beside the node's own, for simulations of many nodes in one.
   *
   * @param served whether a worker serves the model
   * @param sessions takes what is to be told to the sessions
   */
  public static Behavior<Dispatcher.Command> behavior(
      RoutingSettings settings, Predicate<ModelId> served, Consumer<AttemptReport> sessions) {
    return DispatcherBehavior.create(
        new DispatcherBehavior.Surroundings(
            settings,
            served,
            model -> List.of(),
            sessions,
            new ConcurrentHashMap<>(),
            InstantSource.system()));
  }

  /**
   * Starts this node's dispatcher with a behaviour of the caller's choice, as a test may.
   *
   * @throws IllegalStateException when it runs already
   */
  public synchronized ActorRef<Dispatcher.Command> start(Behavior<Dispatcher.Command> behavior) {
    if (dispatcher != null) {
      throw new IllegalStateException("this node's dispatcher runs already");
    }
    dispatcher = system.systemActorOf(behavior, "parley-dispatcher", Props.empty());
    return dispatcher;
  }

  /**
   * After how many milliseconds there may be room for a tenant's work for the model, without
   * sending a message: empty when it would be queued now. A hint: {@code Submit} decides.
   */
  public Optional<Long> retryAfterMillis(TenantId tenant, ModelId model) {
    return Optional.ofNullable(full.get(model))
        .filter(queue -> queue.refuses(tenant))
        .map(FullQueue::retryAfterMillis);
  }

  private static final class Id extends ExtensionId<Dispatchers> {
    @Override
    public Dispatchers createExtension(ActorSystem<?> system) {
      return new Dispatchers(system);
    }
  }
}
