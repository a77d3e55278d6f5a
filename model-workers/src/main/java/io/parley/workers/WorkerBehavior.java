package io.parley.workers;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import io.parley.routing.DirectoryNotices;
import io.parley.routing.Dispatcher;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerLoad;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import io.parley.routing.protocol.WorkerMessage.SendAgain;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * The life of a worker: loading → serving → (a broken replica) waiting → loading …, draining when
 * the model is unloaded, and leaving from anywhere. Attempts outlive a broken replica until their
 * sessions know what became of them.
 */
final class WorkerBehavior extends AbstractBehavior<WorkerMessage> {
  /** See {@link ModelWorker.Leave}. */
  record Leave() implements Internal {}

  /** The node stops: see {@link ModelWorker}. */
  record Retire() implements Internal {}

  private record DispatcherList(Set<ActorRef<Dispatcher.WorkerCommand>> refs) implements Internal {}

  private record Load() implements Internal {}

  private record Loaded(Optional<Replica> replica, Optional<Throwable> failure)
      implements Internal {}

  private record Wake() implements Internal {}

  private record Tick() implements Internal {}

  private record Heartbeat() implements Internal {}

  private record LeaveTimeout() implements Internal {}

  private record Closed() implements Internal {}

  private final ReplicaFactory factory;
  private final WorkerSettings settings;
  private final TimerScheduler<WorkerMessage> timers;
  private final Executor blocking;
  private final DispatcherLinks links;
  private final Attempts attempts;
  private final DirectoryNotices notices;
  private final AtomicBoolean awake = new AtomicBoolean();

  private Optional<Replica> replica = Optional.empty();
  private Optional<ModelInfo> served = Optional.empty(); // stays when the replica breaks
  private Duration restartAfter;
  private long probationEnds; // first tokens, counted from the worker's start
  private boolean registered;
  private boolean loading;
  private boolean draining;
  private boolean leaving;
  private boolean ticking;
  private boolean closing;

  /** Read by the thread that loads: a replica that comes too late is closed at once. */
  private final AtomicBoolean stopped = new AtomicBoolean();

  static Behavior<WorkerMessage> create(
      ReplicaFactory factory, WorkerSettings settings, Consumer<AttemptReport> sessions) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> new WorkerBehavior(context, timers, factory, settings, sessions)));
  }

  private WorkerBehavior(
      ActorContext<WorkerMessage> context,
      TimerScheduler<WorkerMessage> timers,
      ReplicaFactory factory,
      WorkerSettings settings,
      Consumer<AttemptReport> sessions) {
    super(context);
    this.factory = factory;
    this.settings = settings;
    this.timers = timers;
    this.restartAfter = settings.restartMin();
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.links = new DispatcherLinks(context, settings);
    ActorRef<WorkerMessage> self = context.getSelf();
    Runnable wake =
        () -> {
          if (awake.compareAndSet(false, true)) {
            self.tell(new Wake());
          }
        };
    this.attempts = new Attempts(self, settings, sessions, wake, context.getLog());
    this.notices = new DirectoryNotices(self);
    followDispatchers();
    timers.startTimerWithFixedDelay(new Heartbeat(), settings.loadReportInterval());
    load();
  }

  @Override
  public Receive<WorkerMessage> createReceive() {
    return newReceiveBuilder()
        .onMessage(Wake.class, wake -> onWake())
        .onMessage(Tick.class, tick -> onTick())
        .onMessage(GroupAccepted.class, this::onAccepted)
        .onMessage(DropAttempt.class, this::onDrop)
        .onMessage(SendAgain.class, this::onSendAgain)
        .onMessage(DispatcherLinks.Arrived.class, this::onArrived)
        .onMessage(DispatcherLinks.Opened.class, this::onOpened)
        .onMessage(DispatcherLinks.Over.class, this::onStreamOver)
        .onMessage(Heartbeat.class, beat -> onHeartbeat())
        .onMessage(DispatcherList.class, this::onDispatchers)
        .onMessage(WorkerDirectory.Describe.class, this::onDescribe)
        .onMessage(Load.class, message -> load())
        .onMessage(Loaded.class, this::onLoaded)
        .onMessage(Drain.class, this::onDrain)
        .onMessage(Retire.class, retire -> onRetire())
        .onMessage(Leave.class, leave -> onLeave())
        .onMessage(LeaveTimeout.class, timeout -> closeAndStop())
        .onMessage(Closed.class, closed -> Behaviors.stopped())
        .onSignal(PostStop.class, signal -> onPostStop())
        .build();
  }

  // --- life ---

  private Behavior<WorkerMessage> load() {
    if (leaving || loading || replica.isPresent()) {
      return this;
    }
    loading = true;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(this::open, blocking),
            (opened, failure) ->
                new Loaded(Optional.ofNullable(opened), Optional.ofNullable(failure)));
    return this;
  }

  private Replica open() {
    try {
      Replica opened = factory.open();
      if (stopped.get()) {
        opened.close();
      }
      return opened;
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  private Behavior<WorkerMessage> onLoaded(Loaded message) {
    loading = false;
    replica = message.replica();
    if (leaving) {
      return attempts.isEmpty() ? closeAndStop() : this;
    }
    if (replica.isEmpty()) {
      getContext().getLog().error("The replica did not load", message.failure().orElse(null));
      loadLater();
      return this;
    }
    ModelInfo model = replica.get().model();
    getContext().getLog().info("Serving {}", model.id());
    if (!served.equals(Optional.of(model))) {
      notices.changed(model); // a server may have come back with another context, for one
    }
    served = Optional.of(model);
    links.start(model);
    if (!registered) {
      tellReceptionist(Receptionist.register(WorkerDirectory.SERVICE_KEY, getContext().getSelf()));
      registered = true;
    }
    return settle();
  }

  private void loadLater() {
    timers.startSingleTimer(new Load(), restartAfter);
    Duration twice = restartAfter.multipliedBy(2);
    restartAfter = twice.compareTo(settings.restartMax()) < 0 ? twice : settings.restartMax();
  }

  /**
   * The replica cannot be trusted any more: its attempts fail, and another one is loaded. It stays
   * in the directory, since its model is not gone: what comes meanwhile waits for it.
   */
  private void breakDown() {
    getContext().getLog().error("The replica broke; another one is loaded");
    probationEnds = attempts.meter().firstTokens() + 1;
    links.stop();
    attempts.failAll(FailureCode.ENGINE_FAILED, "the replica broke", now());
    replica.ifPresent(broken -> blocking.execute(broken::close));
    replica = Optional.empty();
    if (draining) {
      leaveSoon(); // its last attempts failed: nothing is left to run
    } else {
      loadLater();
    }
  }

  private void stopServing() {
    if (registered) { // twice would stop the receptionist itself
      tellReceptionist(
          Receptionist.deregister(WorkerDirectory.SERVICE_KEY, getContext().getSelf()));
      registered = false;
    }
    links.stop();
  }

  private Behavior<WorkerMessage> onDrain(Drain drain) {
    if (leaving || draining) {
      return this;
    }
    served.map(ModelInfo::id).ifPresent(links::withdraw);
    notices.farewell();
    return finish(drain.patience());
  }

  /** Takes nothing more, and leaves when what runs has ended, or after this. */
  private Behavior<WorkerMessage> finish(Duration patience) {
    if (replica.isEmpty()) {
      return onLeave(); // nothing runs
    }
    draining = true;
    stopServing();
    timers.startSingleTimer(new Leave(), patience);
    return settle();
  }

  /** What runs here goes on at once at another worker of the model, if there is one. */
  private Behavior<WorkerMessage> onRetire() {
    if (leaving) {
      return this;
    }
    ActorRef<WorkerMessage> self = getContext().getSelf();
    WorkerDirectory directory = WorkerDirectory.get(getContext().getSystem());
    boolean others = served.stream().anyMatch(model -> directory.hasAnother(model.id(), self));
    return others ? onLeave() : finish(settings.drainTimeout());
  }

  private Behavior<WorkerMessage> onLeave() {
    if (leaving) {
      return this;
    }
    stopServing();
    replica.ifPresent(attempts::cancelAll);
    attempts.failAll(FailureCode.WORKER_LEFT, "the worker leaves", now());
    leaveSoon();
    return settle();
  }

  /** Ends when the sessions know what became of their attempts, or without them. */
  private void leaveSoon() {
    leaving = true;
    timers.startSingleTimer(new LeaveTimeout(), settings.leaveTimeout());
  }

  private Behavior<WorkerMessage> closeAndStop() {
    if (closing) {
      return this;
    }
    closing = true;
    timers.cancelAll();
    Optional<Replica> last = replica;
    replica = Optional.empty();
    if (last.isEmpty()) {
      return Behaviors.stopped();
    }
    getContext()
        .pipeToSelf(
            CompletableFuture.runAsync(last.get()::close, blocking),
            (done, failure) -> new Closed());
    return this;
  }

  private Behavior<WorkerMessage> onPostStop() {
    stopped.set(true);
    replica.ifPresent(left -> blocking.execute(left::close));
    return this;
  }

  // --- works ---

  private Behavior<WorkerMessage> onArrived(DispatcherLinks.Arrived arrived) {
    int over = replica.isPresent() ? occupied() + 1 - room() : 0;
    if (over > (isOnProbation() ? 0 : settings.parkedMax())) {
      links.giveBack(arrived);
      return settle();
    }
    int freeAfterwards = Math.max(0, freeSlots() - 1);
    if (replica.isPresent() && links.taken(arrived, freeAfterwards, over <= 0)) {
      attempts.park(arrived.work());
    }
    return settle();
  }

  private Behavior<WorkerMessage> onWake() {
    awake.set(false); // before the look: what comes after it wakes again
    return settle();
  }

  private Behavior<WorkerMessage> onTick() {
    ticking = false;
    attempts.tick(replica, now());
    return settle();
  }

  private Behavior<WorkerMessage> onAccepted(GroupAccepted message) {
    attempts.accepted(message, replica, now());
    return settle();
  }

  private Behavior<WorkerMessage> onDrop(DropAttempt message) {
    attempts.drop(message.id(), replica);
    return settle();
  }

  private Behavior<WorkerMessage> onSendAgain(SendAgain message) {
    attempts.sendAgain(message.id(), now());
    return settle();
  }

  /** After anything happened: looks at the replica's news, starts, sends, asks for more. */
  private Behavior<WorkerMessage> settle() {
    attempts.look(replica, now());
    boolean suspect = attempts.tooManyFailures();
    if (!leaving && replica.filter(r -> suspect || r.isBroken()).isPresent()) {
      breakDown();
    }
    if (attempts.finishedSinceLastLook()) {
      restartAfter = settings.restartMin();
    }
    if (!leaving) {
      replica.ifPresent(running -> attempts.startParked(running, now()));
    }
    attempts.send(now());
    tickWhileNeeded();
    links.update(freeSlots(), workerLoad());
    boolean ending = leaving || draining;
    return ending && !loading && attempts.isEmpty() ? closeAndStop() : this;
  }

  private int freeSlots() {
    if (leaving
        || draining
        || replica.isEmpty()
        || attempts.ended() >= settings.unacknowledgedMax()) {
      return 0;
    }
    return Math.max(0, room() - occupied());
  }

  private int occupied() {
    return attempts.running() + attempts.parked();
  }

  /** How many works the replica may have. */
  private int room() {
    return isOnProbation() ? 1 : replica.orElseThrow().slots();
  }

  /** A replica in place of one that broke takes one work at a time until one has a token. */
  private boolean isOnProbation() {
    return attempts.meter().firstTokens() < probationEnds;
  }

  private WorkerLoad workerLoad() {
    LoadMeter meter = attempts.meter();
    return new WorkerLoad(
        replica.map(Replica::slots).orElse(0),
        settings.weight(),
        meter.firstTokenMillis(),
        meter.prefillTokensPerSecond(),
        replica.map(Replica::device).orElse(""));
  }

  private void tickWhileNeeded() {
    boolean needed = !attempts.isEmpty();
    if (needed && !ticking) {
      timers.startSingleTimer(new Tick(), settings.groupInterval(attempts.running()));
    } else if (!needed && ticking) {
      timers.cancel(new Tick());
    }
    ticking = needed;
  }

  // --- dispatchers ---

  private Behavior<WorkerMessage> onDispatchers(DispatcherList list) {
    links.known(list.refs());
    return settle();
  }

  private Behavior<WorkerMessage> onOpened(DispatcherLinks.Opened opened) {
    links.opened(opened, freeSlots());
    return this;
  }

  private Behavior<WorkerMessage> onStreamOver(DispatcherLinks.Over over) {
    links.over(over); // opened again with the next heartbeat, if its dispatcher is still there
    return this;
  }

  private Behavior<WorkerMessage> onHeartbeat() {
    Duration iteration = replica.map(Replica::iterationAge).orElse(Duration.ZERO);
    if (!leaving && iteration.compareTo(settings.iterationTimeout()) > 0) {
      getContext().getLog().error("An iteration lasts {}: the replica is stalled", iteration);
      breakDown();
    }
    links.reportAgain(freeSlots(), workerLoad());
    return settle();
  }

  private Behavior<WorkerMessage> onDescribe(WorkerDirectory.Describe describe) {
    served.filter(model -> registered).ifPresent(model -> notices.answer(describe, model));
    return this;
  }

  private void followDispatchers() {
    ActorRef<Receptionist.Listing> listings =
        getContext()
            .messageAdapter(
                Receptionist.Listing.class,
                listing ->
                    new DispatcherList(listing.getAllServiceInstances(Dispatcher.SERVICE_KEY)));
    tellReceptionist(Receptionist.subscribe(Dispatcher.SERVICE_KEY, listings));
  }

  private void tellReceptionist(Receptionist.Command command) {
    getContext().getSystem().receptionist().tell(command);
  }

  private static long now() {
    return System.nanoTime();
  }
}
