package io.parley.workers;

import akka.Done;
import akka.actor.Cancellable;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.Terminated;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import io.parley.routing.SessionReports;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.WorkerMessage;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * The actor that owns one replica. It loads the replica, registers with the {@code WorkerDirectory}
 * when it is ready, pulls works while it has a free slot, and sends what the replica gives to the
 * sessions.
 *
 * <p>The work is done by a child. Should that fail, it stops, so that every session that watches it
 * knows at once, and a new one takes its place.
 *
 * <p>The node must have initialised the sharding of sessions, if only as a proxy.
 */
public final class ModelWorker extends AbstractBehavior<ModelWorker.Command> {
  /** What can be asked of it from outside. */
  public sealed interface Command permits Drain, Leave, Retire, StartAgain {}

  /**
   * Tells a worker to leave: it pulls nothing more, hands its attempts back with the tokens they
   * have, and stops.
   */
  public record Leave() implements Command {}

  /**
   * The node stops, which its coordinated shutdown says at its beginning: as {@link Leave}, but for
   * a worker that is the last of its model. Its attempts may end here, for {@code drain-timeout},
   * since nobody could go on with them. Shards move when all workers have left.
   */
  record Retire() implements Command {}

  private record StartAgain() implements Command {}

  private final TimerScheduler<Command> timers;
  private final WorkerSettings settings;
  private final Behavior<WorkerMessage> worker;
  private final CompletableFuture<Done> stopped = new CompletableFuture<>();
  private final List<Cancellable> leavesWithTheNode;
  private ActorRef<WorkerMessage> child;
  private boolean leaving;

  /** A worker with the settings of {@code parley.worker}. */
  public static Behavior<Command> create(ReplicaFactory factory) {
    return Behaviors.setup(
        context ->
            create(
                factory,
                WorkerSettings.from(context.getSystem().settings().config()),
                SessionReports.bySharding(context.getSystem())));
  }

  /**
   * A worker whose reports go elsewhere than to the node's sessions, for tests and simulations.
   *
   * @param sessions takes what is to be told to the sessions
   */
  public static Behavior<Command> create(
      ReplicaFactory factory, WorkerSettings settings, Consumer<AttemptReport> sessions) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new ModelWorker(
                        context,
                        timers,
                        settings,
                        WorkerBehavior.create(factory, settings, sessions))));
  }

  private ModelWorker(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      WorkerSettings settings,
      Behavior<WorkerMessage> worker) {
    super(context);
    this.timers = timers;
    this.settings = settings;
    this.worker = worker;
    start();
    ActorRef<Command> self = context.getSelf();
    String name = "leave-" + self.path().name() + "-" + self.path().uid();
    CoordinatedShutdown shutdown = CoordinatedShutdown.get(Adapter.toClassic(context.getSystem()));
    leavesWithTheNode =
        List.of(
            shutdown.addCancellableTask(
                CoordinatedShutdown.PhaseServiceUnbind(),
                name,
                () -> {
                  self.tell(new Retire());
                  return CompletableFuture.completedFuture(Done.getInstance());
                }),
            shutdown.addCancellableTask(
                CoordinatedShutdown.PhaseServiceStop(), name, () -> stopped));
    if (shutdown.getShutdownReason().isPresent()) {
      self.tell(new Retire()); // the phase that would tell it is over perhaps
    }
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Leave.class, leave -> end(new WorkerBehavior.Leave()))
        .onMessage(Retire.class, retire -> end(new WorkerBehavior.Retire()))
        .onMessage(Drain.class, drain -> end(drain))
        .onMessage(StartAgain.class, again -> start())
        .onSignal(Terminated.class, signal -> onWorkerStopped())
        .onSignal(PostStop.class, signal -> onPostStop())
        .build();
  }

  private Behavior<Command> start() {
    child = getContext().spawnAnonymous(worker);
    getContext().watch(child);
    return this;
  }

  private Behavior<Command> end(WorkerMessage how) {
    leaving = true;
    child.tell(how);
    return timers.isTimerActive(new StartAgain()) ? Behaviors.stopped() : this;
  }

  private Behavior<Command> onPostStop() {
    leavesWithTheNode.forEach(Cancellable::cancel);
    stopped.complete(Done.getInstance());
    return this;
  }

  private Behavior<Command> onWorkerStopped() {
    if (leaving) {
      return Behaviors.stopped();
    }
    getContext().getLog().error("The worker failed; another one is started");
    timers.startSingleTimer(new StartAgain(), settings.restartMin());
    return this;
  }
}
