package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PreRestart;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import akka.japi.Pair;
import akka.stream.Materializer;
import akka.stream.SourceRef;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.Source;
import akka.stream.javadsl.StreamRefs;
import io.parley.routing.Dispatcher.CancelQueued;
import io.parley.routing.Dispatcher.Command;
import io.parley.routing.Dispatcher.Ended;
import io.parley.routing.Dispatcher.FreeSlots;
import io.parley.routing.Dispatcher.Full;
import io.parley.routing.Dispatcher.GivenBack;
import io.parley.routing.Dispatcher.Inspect;
import io.parley.routing.Dispatcher.Inspection;
import io.parley.routing.Dispatcher.NoWorker;
import io.parley.routing.Dispatcher.OpenStream;
import io.parley.routing.Dispatcher.Queued;
import io.parley.routing.Dispatcher.StreamOpened;
import io.parley.routing.Dispatcher.Submit;
import io.parley.routing.Dispatcher.Withdrawn;
import io.parley.routing.Dispatcher.WorkerView;
import io.parley.routing.ModelLane.Offer;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.AttemptReport.Dispatched;
import io.parley.routing.protocol.AttemptReport.Failed;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The dispatcher: queues in front, streams behind, and the policy between them. All its state is
 * soft. When it restarts after a failure, it reports what it had as lost, so that the sessions
 * start new attempts.
 */
final class DispatcherBehavior extends AbstractBehavior<Command> {

  /**
   * What a dispatcher works with.
   *
   * @param served whether the directory knows a worker for a model
   * @param workers those that the directory knows for a model
   * @param sessions takes reports to the sessions
   * @param full the gauge that is read without a message: models whose queue is full
   */
  record Surroundings(
      RoutingSettings settings,
      Predicate<ModelId> served,
      Function<ModelId, List<ActorRef<WorkerMessage>>> workers,
      Consumer<AttemptReport> sessions,
      Map<ModelId, FullQueue> full,
      InstantSource clock) {}

  /** More than workers are being unloaded at any moment. */
  private static final int DEPARTING_MAX = 1024;

  private record Sweep() implements Command {}

  /** Some work of the model has waited long enough for a certain worker. */
  private record LookAgain(ModelId model) implements Command {}

  private record WorkerGone(ActorRef<WorkerMessage> worker) implements Command {}

  private final Surroundings surroundings;
  private final RoutingSettings settings;
  private final TimerScheduler<Command> timers;
  private final Materializer materializer;
  private final WorkerSentinels sentinels;
  private final Map<ModelId, ModelLane> lanes = new HashMap<>();
  private final Map<ActorRef<WorkerMessage>, WorkStream> streams = new HashMap<>();
  private final Map<Long, WorkStream> streamsById = new HashMap<>();
  private final Map<AttemptId, WorkStream> underWay = new HashMap<>();
  private final Taken taken;
  private final Map<ModelId, Boolean> seen;

  /** Models that a worker has withdrawn and, as far as is known, nobody else serves. */
  private final Map<ModelId, Boolean> withdrawn;

  /** Workers that have withdrawn, though the directory may list them for a moment. */
  private final Map<ActorRef<WorkerMessage>, Boolean> departing;

  private long lastSweepNanos = System.nanoTime();

  /**
   * Not from 0: a message of a stream before a restart must not be taken for one of a new stream.
   */
  private long lastStreamId = ThreadLocalRandom.current().nextLong();

  static Behavior<Command> create(Surroundings surroundings) {
    Behavior<Command> behavior =
        Behaviors.setup(
            context -> {
              context
                  .getSystem()
                  .receptionist()
                  .tell(Receptionist.register(Dispatcher.SERVICE_KEY, context.getSelf().narrow()));
              return Behaviors.withTimers(
                  timers -> {
                    timers.startTimerWithFixedDelay(
                        new Sweep(), surroundings.settings().sweepInterval());
                    return new DispatcherBehavior(context, timers, surroundings);
                  });
            });
    return Behaviors.supervise(behavior).onFailure(SupervisorStrategy.restart());
  }

  private DispatcherBehavior(
      ActorContext<Command> context, TimerScheduler<Command> timers, Surroundings surroundings) {
    super(context);
    this.timers = timers;
    this.surroundings = surroundings;
    this.settings = surroundings.settings();
    this.materializer = Materializer.createMaterializer(context);
    this.sentinels = WorkerSentinels.get(context.getSystem());
    this.taken = new Taken(settings.recentAttempts());
    this.seen = Taken.bounded(settings.modelsMax());
    this.withdrawn = Taken.bounded(settings.modelsMax());
    this.departing = Taken.bounded(DEPARTING_MAX);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Submit.class, this::onSubmit)
        .onMessage(CancelQueued.class, this::onCancel)
        .onMessage(Ended.class, this::onEnded)
        .onMessage(OpenStream.class, this::onOpenStream)
        .onMessage(WorkSource.Pulled.class, this::onPulled)
        .onMessage(Dispatcher.Taken.class, this::onTaken)
        .onMessage(GivenBack.class, this::onGivenBack)
        .onMessage(FreeSlots.class, this::onFreeSlots)
        .onMessage(Withdrawn.class, this::onWithdrawn)
        .onMessage(Inspect.class, this::onInspect)
        .onMessage(WorkSource.Ended.class, ended -> onStreamOver(streamsById.get(ended.streamId())))
        .onMessage(WorkerGone.class, gone -> onWorkerGone(gone.worker()))
        .onMessage(LookAgain.class, look -> handOut(look.model()))
        .onMessage(Sweep.class, sweep -> onSweep())
        .onSignal(PreRestart.class, signal -> giveUp())
        .build();
  }

  // --- what sessions say ---

  private Behavior<Command> onSubmit(Submit submit) {
    Work work = submit.work();
    AttemptId id = work.id();
    ModelLane lane = lanes.get(work.model());
    if (underWay.containsKey(id) || (lane != null && lane.queue().contains(id))) {
      submit.replyTo().tell(new Queued(id));
      return this;
    }
    Optional<ActorRef<WorkerMessage>> worker = taken.by(id);
    if (worker.isPresent()) {
      submit.replyTo().tell(new Queued(id));
      surroundings.sessions().accept(new Dispatched(id, worker.get()));
      return this;
    }
    if (!mayBeServed(work)) {
      submit.replyTo().tell(new NoWorker(id));
      return this;
    }
    if (lane == null || lane.queue().isEmpty()) {
      long busy = lanes.values().stream().filter(other -> !other.queue().isEmpty()).count();
      if (busy >= settings.modelsMax()) {
        submit.replyTo().tell(new Full(id, settings.retryAfterMax().toMillis()));
        return this;
      }
    }
    lane = lane(work.model());
    Offer offer = lane.offer(work, System.nanoTime(), surroundings.clock().millis());
    if (offer instanceof Offer.Refused refused) {
      submit.replyTo().tell(new Full(id, refused.retryAfter().toMillis()));
      settle(lane);
      return this;
    }
    submit.replyTo().tell(new Queued(id));
    return handOut(work.model());
  }

  private ModelLane lane(ModelId model) {
    return lanes.computeIfAbsent(model, id -> new ModelLane(id, settings));
  }

  private boolean mayBeServed(Work work) {
    // a later attempt's model was served once; after a restart its worker may still be loading it
    return !isGone(work.model())
        && (work.id().attempt() > 1
            || seen.containsKey(work.model())
            || surroundings.served().test(work.model()));
  }

  /** Whether the model was unloaded and nobody else serves it. */
  private boolean isGone(ModelId model) {
    return withdrawn.containsKey(model) && !isStreamed(model) && !surroundings.served().test(model);
  }

  private boolean isStreamed(ModelId model) {
    ModelLane lane = lanes.get(model);
    return lane != null && lane.isStreamed();
  }

  /** Should it crash later, that is no unloading: what waits then waits for it to come back. */
  private boolean isServedByAnyThatStays(ModelId model) {
    ModelLane lane = lanes.get(model);
    return Stream.concat(
            lane == null ? Stream.empty() : lane.workers().stream(),
            surroundings.workers().apply(model).stream())
        .anyMatch(worker -> !departing.containsKey(worker));
  }

  private Behavior<Command> onCancel(CancelQueued cancel) {
    AttemptId id = cancel.id();
    WorkStream stream = underWay.get(id);
    if (stream != null) {
      stream.takeBack(id);
      return this;
    }
    Optional<ActorRef<WorkerMessage>> worker = taken.by(id);
    if (worker.isPresent()) {
      worker.get().tell(new DropAttempt(id));
      return onEnded(new Ended(id));
    }
    for (ModelLane lane : List.copyOf(lanes.values())) {
      if (lane.queue().remove(id)) {
        settle(lane);
        return this;
      }
    }
    return this;
  }

  private Behavior<Command> onEnded(Ended ended) {
    Optional<WorkStream> stream = taken.by(ended.id()).map(streams::get);
    taken.ended(ended.id());
    if (stream.isPresent() && stream.get().ended(ended.id())) {
      return handOut(stream.get().model()); // another suspect may go there now
    }
    return this;
  }

  // --- what workers say ---

  private Behavior<Command> onOpenStream(OpenStream open) {
    onStreamOver(streams.get(open.worker()));
    ModelId model = open.model().id();
    long id = ++lastStreamId;
    Pair<WorkSource.Handle, SourceRef<Work>> ends =
        Source.fromGraph(new WorkSource(getContext().getSelf(), id))
            .toMat(StreamRefs.<Work>sourceRef(), Keep.both())
            .run(materializer);
    WorkStream stream = new WorkStream(id, open.worker(), model, ends.first());
    stream.report(open.freeSlots(), open.load(), System.nanoTime());
    streams.put(open.worker(), stream);
    streamsById.put(id, stream);
    lane(model).add(stream);
    seen.put(model, true);
    withdrawn.remove(model);
    departing.remove(open.worker());
    getContext().watchWith(open.worker(), new WorkerGone(open.worker()));
    sentinels
        .of(open.worker())
        .ifPresent(one -> getContext().watchWith(one, new WorkerGone(open.worker())));
    open.replyTo().tell(new StreamOpened(id, ends.second(), settings.prefetch()));
    return this;
  }

  private Behavior<Command> onPulled(WorkSource.Pulled pulled) {
    WorkStream stream = streamsById.get(pulled.streamId());
    if (stream != null) {
      stream.pulled(System.nanoTime());
      handOut(stream.model());
    }
    return this;
  }

  private Behavior<Command> onTaken(Dispatcher.Taken message) {
    AttemptId id = message.id();
    WorkStream stream = current(message.worker(), message.streamId());
    if (stream == null) {
      // its session was told that the attempt is lost, and starts another
      message.worker().tell(new DropAttempt(id));
      return this;
    }
    underWay.remove(id);
    taken.put(id, message.worker());
    if (stream.confirm(id)) {
      surroundings.sessions().accept(new Dispatched(id, message.worker(), message.begun()));
    } else {
      message.worker().tell(new DropAttempt(id));
      onEnded(new Ended(id));
    }
    stream.report(message.freeSlots(), stream.load(), System.nanoTime());
    return handOut(stream.model());
  }

  private Behavior<Command> onGivenBack(GivenBack message) {
    WorkStream stream = current(message.worker(), message.streamId());
    if (stream == null) {
      return this; // its session was told that the attempt is lost
    }
    underWay.remove(message.id());
    stream.report(0, stream.load(), System.nanoTime());
    stream.giveBack(message.id()).ifPresent(lane(stream.model()).queue()::putBack);
    return handOut(stream.model());
  }

  private Behavior<Command> onFreeSlots(FreeSlots message) {
    WorkStream stream = current(message.worker(), message.streamId());
    if (stream != null) {
      stream.report(message.freeSlots(), message.load(), System.nanoTime());
      handOut(stream.model());
    }
    return this;
  }

  /** The sweep sees to what waits: until then other workers, and the directory, have their say. */
  private Behavior<Command> onWithdrawn(Withdrawn message) {
    withdrawn.put(message.model(), true);
    departing.put(message.worker(), true);
    return this;
  }

  private WorkStream current(ActorRef<WorkerMessage> worker, long streamId) {
    WorkStream stream = streams.get(worker);
    return stream != null && stream.id() == streamId ? stream : null;
  }

  private Behavior<Command> onWorkerGone(ActorRef<WorkerMessage> worker) {
    taken.gone(worker); // the sessions watch it, too
    return onStreamOver(streams.get(worker));
  }

  private Behavior<Command> onStreamOver(WorkStream stream) {
    if (stream == null) {
      return this;
    }
    streams.remove(stream.worker());
    streamsById.remove(stream.id());
    lane(stream.model()).remove(stream);
    stream.complete();
    getContext().unwatch(stream.worker());
    sentinels.known(stream.worker()).ifPresent(getContext()::unwatch);
    stream.underWay().forEach(underWay::remove);
    // Not put back into the queue: the worker may have the work, only its confirmation was lost,
    // and two workers must not run one attempt.
    stream.unconfirmed().forEach(id -> fail(id, FailureCode.WORKER_LOST, "the worker is gone"));
    return this;
  }

  // --- what time brings ---

  private Behavior<Command> onSweep() {
    long nowNanos = System.nanoTime();
    takeOutSilentWorkers(nowNanos);
    for (WorkStream stream : List.copyOf(streams.values())) {
      if (stream.forgetSuspects(nowNanos)) {
        handOut(stream.model());
      }
    }
    withdrawn.keySet().removeIf(this::isServedByAnyThatStays);
    long now = surroundings.clock().millis();
    for (ModelLane lane : List.copyOf(lanes.values())) {
      expire(lane, now);
      if (isGone(lane.model())) {
        failAll(lane);
      }
      lane.sweep();
      settle(lane);
    }
    return this;
  }

  /**
   * A worker that says nothing for too long is taken for stalled: its works go elsewhere. It finds
   * its stream ended when it goes on, and comes back by asking for another.
   */
  private void takeOutSilentWorkers(long nowNanos) {
    long late = nowNanos - lastSweepNanos - settings.sweepInterval().toNanos();
    lastSweepNanos = nowNanos;
    if (late > settings.workerSilence().toNanos() / 2) {
      // it was this process that stood still, and what the workers said is still to be read
      streams.values().forEach(stream -> stream.heard(nowNanos));
      return;
    }
    for (WorkStream stream : List.copyOf(streams.values())) {
      if (stream.silentNanos(nowNanos) > settings.workerSilence().toNanos()) {
        getContext().getLog().warn("The worker {} is silent; its works go on", stream.worker());
        onStreamOver(stream);
        taken
            .gone(stream.worker())
            .forEach(id -> fail(id, FailureCode.WORKER_LOST, "the worker is silent"));
      } else if (stream.owesAnAnswer(nowNanos, settings.workerSilence().toNanos())) {
        getContext().getLog().warn("What {} said of a work was lost", stream.worker());
        onStreamOver(stream); // what runs there goes on, and the worker opens another one
      }
    }
  }

  private void failAll(ModelLane lane) {
    for (Work work : lane.queue().all()) {
      lane.queue().remove(work.id());
      fail(work.id(), FailureCode.MODEL_NOT_FOUND, "the model was unloaded");
    }
  }

  /** Gives works to workers until one of them runs out. */
  private Behavior<Command> handOut(ModelId model) {
    ModelLane lane = lanes.get(model);
    if (lane == null) {
      return this;
    }
    expire(lane, surroundings.clock().millis());
    long now = System.nanoTime();
    OptionalLong lookAgain = lane.handOut(now, (work, stream) -> underWay.put(work.id(), stream));
    if (lookAgain.isPresent()) {
      long wait = Math.max(0, lookAgain.getAsLong() - now) + Duration.ofMillis(1).toNanos();
      timers.startSingleTimer(model, new LookAgain(model), Duration.ofNanos(wait));
    }
    settle(lane);
    return this;
  }

  private void expire(ModelLane lane, long nowEpochMillis) {
    List<Work> expired = lane.queue().removeExpired(nowEpochMillis);
    if (expired.isEmpty()) {
      return;
    }
    ModelId model = lane.model();
    boolean everServed = seen.containsKey(model) || surroundings.served().test(model);
    for (Work work : expired) {
      if (everServed) {
        fail(work.id(), FailureCode.QUEUE_TIMEOUT, "no worker had room in time");
      } else {
        fail(work.id(), FailureCode.MODEL_NOT_FOUND, "no worker serves the model");
      }
    }
  }

  /** After a queue changed: forgets an empty one, and sets the gauge of a full one. */
  private void settle(ModelLane lane) {
    Optional<FullQueue> full = lane.full(System.nanoTime());
    if (full.isPresent()) {
      surroundings.full().put(lane.model(), full.get());
      return;
    }
    surroundings.full().remove(lane.model());
    if (lane.isIdle()) {
      lanes.remove(lane.model());
      timers.cancel(lane.model());
    }
  }

  private Behavior<Command> onInspect(Inspect inspect) {
    List<WorkerView> workers =
        streams.values().stream()
            .map(stream -> stream.view(taken.running(stream.worker())))
            .toList();
    Map<ModelId, Integer> waiting = new HashMap<>();
    lanes.forEach((model, lane) -> waiting.put(model, lane.queue().size()));
    inspect.replyTo().tell(new Inspection(waiting, workers, underWay.size()));
    return this;
  }

  private Behavior<Command> giveUp() {
    surroundings.full().clear();
    String why = "the dispatcher stopped";
    underWay.keySet().forEach(id -> fail(id, FailureCode.WORKER_LOST, why));
    lanes
        .values()
        .forEach(
            lane -> lane.queue().all().forEach(w -> fail(w.id(), FailureCode.WORKER_LOST, why)));
    underWay.clear();
    lanes.clear();
    return this;
  }

  private void fail(AttemptId id, FailureCode code, String message) {
    surroundings.sessions().accept(new Failed(id, code, message));
  }
}
