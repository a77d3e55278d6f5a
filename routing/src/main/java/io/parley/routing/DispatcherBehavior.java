package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PreRestart;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.receptionist.Receptionist;
import akka.japi.Pair;
import akka.stream.Materializer;
import akka.stream.SourceRef;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.Source;
import akka.stream.javadsl.StreamRefs;
import io.parley.routing.Dispatcher.CancelQueued;
import io.parley.routing.Dispatcher.Command;
import io.parley.routing.Dispatcher.FreeSlots;
import io.parley.routing.Dispatcher.Full;
import io.parley.routing.Dispatcher.NoWorker;
import io.parley.routing.Dispatcher.OpenStream;
import io.parley.routing.Dispatcher.Queued;
import io.parley.routing.Dispatcher.StreamOpened;
import io.parley.routing.Dispatcher.Submit;
import io.parley.routing.Dispatcher.Taken;
import io.parley.routing.Dispatcher.Withdrawn;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Predicate;

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
   * @param sessions takes reports to the sessions
   * @param full the gauge that is read without a message: models whose queue is full
   */
  record Surroundings(
      RoutingSettings settings,
      RoutingPolicy policy,
      Predicate<ModelId> served,
      Consumer<AttemptReport> sessions,
      Map<ModelId, FullQueue> full,
      InstantSource clock) {}

  private record Sweep() implements Command {}

  private record WorkerGone(ActorRef<WorkerMessage> worker) implements Command {}

  /** One model's works, and how fast they go. */
  private record Lane(WorkQueue queue, DrainRate rate) {}

  private final Surroundings surroundings;
  private final RoutingSettings settings;
  private final Materializer materializer;
  private final WorkerSentinels sentinels;
  private final Map<ModelId, Lane> lanes = new HashMap<>();
  private final Map<ActorRef<WorkerMessage>, WorkStream> streams = new HashMap<>();
  private final Map<Long, WorkStream> streamsById = new HashMap<>();
  private final Map<AttemptId, WorkStream> underWay = new HashMap<>();
  private final Map<AttemptId, ActorRef<WorkerMessage>> taken;
  private final Map<ModelId, Boolean> seen;
  private final Map<ModelId, Boolean> withdrawn;

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
                    return new DispatcherBehavior(context, surroundings);
                  });
            });
    return Behaviors.supervise(behavior).onFailure(SupervisorStrategy.restart());
  }

  private DispatcherBehavior(ActorContext<Command> context, Surroundings surroundings) {
    super(context);
    this.surroundings = surroundings;
    this.settings = surroundings.settings();
    this.materializer = Materializer.createMaterializer(context);
    this.sentinels = WorkerSentinels.get(context.getSystem());
    this.taken = bounded(settings.recentAttempts());
    this.seen = bounded(settings.modelsMax());
    this.withdrawn = bounded(settings.modelsMax());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Submit.class, this::onSubmit)
        .onMessage(CancelQueued.class, this::onCancel)
        .onMessage(OpenStream.class, this::onOpenStream)
        .onMessage(WorkSource.Pulled.class, this::onPulled)
        .onMessage(Taken.class, this::onTaken)
        .onMessage(FreeSlots.class, this::onFreeSlots)
        .onMessage(Withdrawn.class, this::onWithdrawn)
        .onMessage(WorkSource.Ended.class, ended -> onStreamOver(streamsById.get(ended.streamId())))
        .onMessage(WorkerGone.class, gone -> onStreamOver(streams.get(gone.worker())))
        .onMessage(Sweep.class, sweep -> onSweep())
        .onSignal(PreRestart.class, signal -> giveUp())
        .build();
  }

  private Behavior<Command> onSubmit(Submit submit) {
    Work work = submit.work();
    AttemptId id = work.id();
    Lane lane = lanes.get(work.model());
    if (underWay.containsKey(id) || (lane != null && lane.queue().contains(id))) {
      submit.replyTo().tell(new Queued(id));
      return this;
    }
    ActorRef<WorkerMessage> worker = taken.get(id);
    if (worker != null) {
      submit.replyTo().tell(new Queued(id));
      surroundings.sessions().accept(new Dispatched(id, worker));
      return this;
    }
    if (!mayBeServed(work)) {
      submit.replyTo().tell(new NoWorker(id));
      return this;
    }
    if (lane == null) {
      if (lanes.size() >= settings.modelsMax()) {
        submit.replyTo().tell(new Full(id, settings.retryAfterMax().toMillis()));
        return this;
      }
      lane = newLane();
      lanes.put(work.model(), lane);
    }
    long now = System.nanoTime();
    if (lane.queue().isEmpty()) {
      lane.rate().startWaiting(now);
    }
    if (!lane.queue().offer(work, now)) {
      submit.replyTo().tell(new Full(id, retryAfter(lane).toMillis()));
      return this;
    }
    submit.replyTo().tell(new Queued(id));
    handOut(work.model());
    return this;
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
    return streams.values().stream().anyMatch(stream -> stream.model().equals(model));
  }

  private Behavior<Command> onCancel(CancelQueued cancel) {
    AttemptId id = cancel.id();
    WorkStream stream = underWay.get(id);
    if (stream != null) {
      stream.takeBack(id);
      return this;
    }
    ActorRef<WorkerMessage> worker = taken.get(id);
    if (worker != null) {
      worker.tell(new DropAttempt(id));
      return this;
    }
    for (ModelId model : List.copyOf(lanes.keySet())) {
      if (lanes.get(model).queue().remove(id)) {
        settle(model);
        return this;
      }
    }
    return this;
  }

  private Behavior<Command> onOpenStream(OpenStream open) {
    onStreamOver(streams.get(open.worker()));
    ModelId model = open.model().id();
    long id = ++lastStreamId;
    Pair<WorkSource.Handle, SourceRef<Work>> ends =
        Source.fromGraph(new WorkSource(getContext().getSelf(), id))
            .toMat(StreamRefs.<Work>sourceRef(), Keep.both())
            .run(materializer);
    WorkStream stream = new WorkStream(id, open.worker(), model, open.freeSlots(), ends.first());
    streams.put(open.worker(), stream);
    streamsById.put(id, stream);
    seen.put(model, true);
    withdrawn.remove(model);
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

  private Behavior<Command> onTaken(Taken message) {
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
      surroundings.sessions().accept(new Dispatched(id, message.worker()));
    } else {
      message.worker().tell(new DropAttempt(id));
    }
    stream.report(message.freeSlots());
    handOut(stream.model());
    return this;
  }

  private Behavior<Command> onFreeSlots(FreeSlots message) {
    WorkStream stream = current(message.worker(), message.streamId());
    if (stream != null) {
      stream.report(message.freeSlots());
      handOut(stream.model());
    }
    return this;
  }

  /** The sweep sees to what waits: until then other workers, and the directory, have their say. */
  private Behavior<Command> onWithdrawn(Withdrawn message) {
    withdrawn.put(message.model(), true);
    return this;
  }

  private WorkStream current(ActorRef<WorkerMessage> worker, long streamId) {
    WorkStream stream = streams.get(worker);
    return stream != null && stream.id() == streamId ? stream : null;
  }

  private Behavior<Command> onStreamOver(WorkStream stream) {
    if (stream == null) {
      return this;
    }
    streams.remove(stream.worker());
    streamsById.remove(stream.id());
    stream.complete();
    getContext().unwatch(stream.worker());
    sentinels.known(stream.worker()).ifPresent(getContext()::unwatch);
    stream.underWay().forEach(underWay::remove);
    // Not put back into the queue: the worker may have the work, only its confirmation was lost,
    // and
    // two workers must not run one attempt.
    stream.unconfirmed().forEach(id -> fail(id, FailureCode.WORKER_LOST, "the worker is gone"));
    return this;
  }

  private Behavior<Command> onSweep() {
    long now = surroundings.clock().millis();
    for (ModelId model : List.copyOf(lanes.keySet())) {
      expire(model, now);
      if (isGone(model)) {
        failAll(model);
      }
      settle(model);
    }
    return this;
  }

  private void failAll(ModelId model) {
    for (Work work : lanes.get(model).queue().all()) {
      lanes.get(model).queue().remove(work.id());
      fail(work.id(), FailureCode.MODEL_NOT_FOUND, "the model was unloaded");
    }
  }

  /** Gives works to workers until one of them runs out. */
  private void handOut(ModelId model) {
    Lane lane = lanes.get(model);
    if (lane == null) {
      return;
    }
    expire(model, surroundings.clock().millis());
    for (Optional<Work> next = lane.queue().peek(); next.isPresent(); next = lane.queue().peek()) {
      Work work = next.get();
      Optional<WorkStream> stream = choose(work);
      if (stream.isEmpty()) {
        break;
      }
      lane.queue().take(work);
      lane.rate().handedOut(System.nanoTime());
      underWay.put(work.id(), stream.get());
      stream.get().hand(work);
    }
    settle(model);
  }

  private Optional<WorkStream> choose(Work work) {
    List<RoutingPolicy.WaitingWorker> waiting =
        streams.values().stream()
            .filter(stream -> stream.waits() && stream.model().equals(work.model()))
            .map(WorkStream::asWaiting)
            .toList();
    if (waiting.isEmpty()) {
      return Optional.empty();
    }
    return surroundings.policy().choose(work, waiting).map(chosen -> streams.get(chosen.worker()));
  }

  private void expire(ModelId model, long nowEpochMillis) {
    boolean everServed = seen.containsKey(model) || surroundings.served().test(model);
    for (Work work : lanes.get(model).queue().removeExpired(nowEpochMillis)) {
      if (everServed) {
        fail(work.id(), FailureCode.QUEUE_TIMEOUT, "no worker had room in time");
      } else {
        fail(work.id(), FailureCode.MODEL_NOT_FOUND, "no worker serves the model");
      }
    }
  }

  /** After a queue changed: forgets an empty one, and sets the gauge of a full one. */
  private void settle(ModelId model) {
    Lane lane = lanes.get(model);
    if (lane.queue().isFull()) {
      surroundings.full().put(model, lane.queue().full(retryAfter(lane).toMillis()));
      return;
    }
    surroundings.full().remove(model);
    if (lane.queue().isEmpty() && !isStreamed(model)) {
      lanes.remove(model);
    }
  }

  private Duration retryAfter(Lane lane) {
    int tenth = Math.max(1, settings.queueCapacity() / 10);
    Duration estimate = lane.rate().timeFor(tenth, System.nanoTime());
    if (estimate.compareTo(settings.retryAfterMin()) < 0) {
      return settings.retryAfterMin();
    }
    return estimate.compareTo(settings.retryAfterMax()) > 0 ? settings.retryAfterMax() : estimate;
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

  private Lane newLane() {
    return new Lane(
        new WorkQueue(settings.queueCapacity(), settings.bulkPatience().toNanos()),
        new DrainRate());
  }

  /** A map that forgets its oldest entry past {@code max}. */
  private static <K, V> Map<K, V> bounded(int max) {
    return new LinkedHashMap<>() {
      private static final long serialVersionUID = 1L;

      @Override
      protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > max;
      }
    };
  }
}
