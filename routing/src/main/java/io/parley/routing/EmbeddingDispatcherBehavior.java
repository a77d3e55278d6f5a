package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.PreRestart;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.receptionist.Receptionist;
import io.parley.routing.EmbeddingDispatcher.Broke;
import io.parley.routing.EmbeddingDispatcher.Cancel;
import io.parley.routing.EmbeddingDispatcher.Command;
import io.parley.routing.EmbeddingDispatcher.Handed;
import io.parley.routing.EmbeddingDispatcher.Pull;
import io.parley.routing.EmbeddingDispatcher.Submit;
import io.parley.routing.EmbeddingDispatcher.Withdrawn;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The dispatcher of embeddings: queues in front, workers that pull behind. All its state is soft:
 * when it fails, it refuses what it has, and the callers may ask again.
 */
final class EmbeddingDispatcherBehavior extends AbstractBehavior<Command> {
  /** A request that fails or loses so many workers is refused. */
  private static final int ATTEMPTS_MAX = 2;

  /** For a worker's answer to come back after the deadline. */
  private static final Duration GRACE = Duration.ofSeconds(1);

  private record Replied(EmbeddingReply reply) implements Command {}

  private record WorkerGone(ActorRef<WorkerMessage> worker) implements Command {}

  private record Sweep() implements Command {}

  /** One model's requests, and how fast they go. */
  private record Lane(EmbeddingQueue queue, DrainRate rate) {}

  private final EmbeddingQueueSettings settings;
  private final Predicate<ModelId> served;
  private final InstantSource clock;
  private final ActorRef<EmbeddingReply> replies;
  private final WorkerSentinels sentinels;
  private final Map<ModelId, Lane> lanes = new HashMap<>();
  private final Map<String, EmbeddingPart> parts = new HashMap<>();
  private final Map<ActorRef<WorkerMessage>, PullingEncoder> workers = new LinkedHashMap<>();

  /**
   * A dispatcher.
   *
   * @param served whether the directory knows a worker for a model
   */
  static Behavior<Command> create(
      EmbeddingQueueSettings settings, Predicate<ModelId> served, InstantSource clock) {
    Behavior<Command> behavior =
        Behaviors.setup(
            context -> {
              context
                  .getSystem()
                  .receptionist()
                  .tell(
                      Receptionist.register(
                          EmbeddingDispatcher.SERVICE_KEY, context.getSelf().narrow()));
              return Behaviors.withTimers(
                  timers -> {
                    timers.startTimerWithFixedDelay(
                        new Sweep(), settings.routing().sweepInterval());
                    return new EmbeddingDispatcherBehavior(context, settings, served, clock);
                  });
            });
    return Behaviors.supervise(behavior).onFailure(SupervisorStrategy.restart());
  }

  private EmbeddingDispatcherBehavior(
      ActorContext<Command> context,
      EmbeddingQueueSettings settings,
      Predicate<ModelId> served,
      InstantSource clock) {
    super(context);
    this.settings = settings;
    this.served = served;
    this.clock = clock;
    this.sentinels = WorkerSentinels.get(context.getSystem());
    this.replies = context.messageAdapter(EmbeddingReply.class, Replied::new);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Submit.class, this::onSubmit)
        .onMessage(Cancel.class, this::onCancel)
        .onMessage(Pull.class, this::onPull)
        .onMessage(Withdrawn.class, this::onWithdrawn)
        .onMessage(Broke.class, this::onBroke)
        .onMessage(Replied.class, this::onReplied)
        .onMessage(WorkerGone.class, this::onWorkerGone)
        .onMessage(Sweep.class, sweep -> onSweep())
        .onSignal(PreRestart.class, signal -> giveUp())
        .onSignal(PostStop.class, signal -> giveUp())
        .build();
  }

  // --- the edge ---

  private Behavior<Command> onSubmit(Submit submit) {
    EmbeddingPart part = new EmbeddingPart(submit.model(), submit.request(), submit.replyTo());
    ModelId model = part.model.id();
    if (!mayBeServed(model)) {
      part.replyTo.tell(refused(part, Reason.NO_WORKER, "no worker serves the model"));
      return this;
    }
    Lane lane = lanes.get(model);
    if (lane == null && lanes.size() >= settings.routing().modelsMax()) {
      part.replyTo.tell(full(part, settings.routing().retryAfterMax()));
      return this;
    }
    if (lane == null) {
      lane = new Lane(new EmbeddingQueue(settings.queueBytes()), new DrainRate());
      lanes.put(model, lane);
    }
    long now = System.nanoTime();
    if (lane.queue().waiting() == 0) {
      lane.rate().startWaiting(now);
    }
    if (!lane.queue().offer(part)) {
      part.replyTo.tell(full(part, retryAfter(lane)));
      return this;
    }
    parts.put(part.id(), part);
    handOut(model);
    return this;
  }

  private boolean mayBeServed(ModelId model) {
    return served.test(model)
        || workers.values().stream().anyMatch(w -> w.model.equals(model) && !w.isWithdrawn());
  }

  private Behavior<Command> onCancel(Cancel cancel) {
    EmbeddingPart part = parts.get(cancel.id());
    if (part != null) {
      part.holder.ifPresent(holder -> holder.worker.tell(new EmbeddingRequest.Cancel(cancel.id())));
      letGo(part);
    }
    return this;
  }

  // --- the workers ---

  private Behavior<Command> onPull(Pull pull) {
    long now = System.nanoTime();
    PullingEncoder worker = workers.get(pull.worker());
    if (worker == null) {
      worker = new PullingEncoder(pull.worker(), pull.model(), pull.number(), now);
      workers.put(pull.worker(), worker);
      WorkerGone gone = new WorkerGone(pull.worker());
      getContext().watchWith(pull.worker(), gone);
      sentinels.of(pull.worker()).ifPresent(one -> getContext().watchWith(one, gone));
    }
    switch (worker.pulled(pull.number(), pull.tokens(), now)) {
      case WANTS -> {}
      case REPEATED -> send(worker, worker.lastAnswer());
      case BEGUN_ANEW -> loseAll(worker, Reason.WORKER_LOST, "it has begun anew");
    }
    handOut(worker.model);
    return this;
  }

  private Behavior<Command> onWithdrawn(Withdrawn message) {
    PullingEncoder worker = workers.get(message.worker());
    if (worker != null) {
      worker.withdraw();
    }
    return this;
  }

  /** It may be handed nothing until it pulls again, and computes nothing of what it was handed. */
  private Behavior<Command> onBroke(Broke message) {
    PullingEncoder worker = workers.get(message.worker());
    if (worker != null) {
      worker.withdraw();
      loseAll(worker, Reason.ENGINE_FAILED, "the encoder failed");
      handOut(worker.model);
    }
    return this;
  }

  private Behavior<Command> onWorkerGone(WorkerGone gone) {
    PullingEncoder worker = workers.remove(gone.worker());
    if (worker != null) {
      getContext().unwatch(gone.worker());
      sentinels.known(gone.worker()).ifPresent(getContext()::unwatch);
      loseAll(worker, Reason.WORKER_LOST, "it is gone");
      handOut(worker.model);
    }
    return this;
  }

  private void loseAll(PullingEncoder worker, Reason reason, String detail) {
    worker.held().forEach(part -> lose(part, refused(part, reason, detail)));
  }

  private Behavior<Command> onReplied(Replied message) {
    EmbeddingPart part = parts.get(message.reply().id());
    if (part == null) {
      return this; // cancelled, or answered by another worker
    }
    boolean another =
        message.reply() instanceof Refused refused
            && switch (refused.reason()) {
              case ENGINE_FAILED, STOPPING, WORKER_LOST -> true;
              case FULL, TOO_LONG, BAD_TOKENS, LATE, NO_WORKER -> false;
            };
    if (another) {
      lose(part, (Refused) message.reply());
      handOut(part.model.id());
    } else {
      finish(part, message.reply());
    }
    return this;
  }

  /** Its worker has not computed it: another one may, unless that has been tried. */
  private void lose(EmbeddingPart part, Refused otherwise) {
    part.holder.ifPresent(holder -> holder.released(part));
    part.holder = Optional.empty();
    if (part.attempts >= ATTEMPTS_MAX) {
      finish(part, otherwise);
    } else {
      lanes.get(part.model.id()).queue().putBack(part);
    }
  }

  // --- between them ---

  /** Gives requests to workers until one of them runs out. */
  private void handOut(ModelId model) {
    Lane lane = lanes.get(model);
    if (lane == null) {
      return;
    }
    Map<PullingEncoder, List<EmbeddingPart>> answers = new LinkedHashMap<>();
    for (Optional<EmbeddingPart> next = lane.queue().peek();
        next.isPresent();
        next = lane.queue().peek()) {
      EmbeddingPart part = next.get();
      Optional<PullingEncoder> worker = choose(model);
      if (worker.isEmpty()) {
        break;
      }
      lane.queue().take(part);
      lane.rate().handedOut(System.nanoTime());
      part.holder = worker;
      part.attempts++;
      worker.get().give(part);
      answers.computeIfAbsent(worker.get(), chosen -> new ArrayList<>()).add(part);
    }
    answers.forEach(
        (worker, given) -> {
          worker.answer(given);
          send(worker, given);
        });
  }

  /** The one that wants most; of equals the one that waits longest. */
  private Optional<PullingEncoder> choose(ModelId model) {
    return workers.values().stream()
        .filter(worker -> worker.model.equals(model) && worker.wants() > 0)
        .min(
            Comparator.comparingInt(PullingEncoder::wants)
                .reversed()
                .thenComparingLong(PullingEncoder::sinceNanos));
  }

  private void send(PullingEncoder worker, List<EmbeddingPart> given) {
    worker.worker.tell(
        new Handed(
            getContext().getSelf().narrow(),
            worker.number(),
            given.stream().map(part -> part.request).toList(),
            replies));
  }

  private Behavior<Command> onSweep() {
    long now = clock.millis();
    for (EmbeddingPart part : List.copyOf(parts.values())) {
      long late = now - part.request.deadlineEpochMillis();
      if (part.holder.isEmpty() && late >= 0) {
        finish(part, refused(part, Reason.LATE, "no worker had room in time"));
      } else if (late >= GRACE.toMillis()) {
        part.holder.ifPresent(holder -> holder.worker.tell(new EmbeddingRequest.Cancel(part.id())));
        finish(part, refused(part, Reason.WORKER_LOST, "the worker does not answer"));
      }
    }
    for (ModelId model : List.copyOf(lanes.keySet())) {
      if (!mayBeServed(model)) {
        for (EmbeddingPart part : lanes.get(model).queue().allWaiting()) {
          finish(part, refused(part, Reason.NO_WORKER, "the model is gone"));
        }
      }
      if (lanes.get(model).queue().isEmpty() && !mayBeServed(model)) {
        lanes.remove(model);
      }
    }
    return this;
  }

  private void finish(EmbeddingPart part, EmbeddingReply reply) {
    part.replyTo.tell(reply);
    letGo(part);
  }

  private void letGo(EmbeddingPart part) {
    parts.remove(part.id());
    part.holder.ifPresent(holder -> holder.released(part));
    lanes.get(part.model.id()).queue().release(part);
  }

  private Duration retryAfter(Lane lane) {
    RoutingSettings routing = settings.routing();
    int tenth = Math.max(1, lane.queue().waiting() / 10);
    Duration estimate = lane.rate().timeFor(tenth, System.nanoTime());
    if (estimate.compareTo(routing.retryAfterMin()) < 0) {
      return routing.retryAfterMin();
    }
    return estimate.compareTo(routing.retryAfterMax()) > 0 ? routing.retryAfterMax() : estimate;
  }

  private static Refused full(EmbeddingPart part, Duration retryAfter) {
    return new Refused(
        part.id(), Reason.FULL, -1, "the queue of the model is full", retryAfter.toMillis());
  }

  private static Refused refused(EmbeddingPart part, Reason reason, String detail) {
    return new Refused(part.id(), reason, -1, detail, 0);
  }

  private Behavior<Command> giveUp() {
    for (EmbeddingPart part : List.copyOf(parts.values())) {
      part.holder.ifPresent(holder -> holder.worker.tell(new EmbeddingRequest.Cancel(part.id())));
      finish(part, refused(part, Reason.WORKER_LOST, "the dispatcher stopped"));
    }
    return this;
  }
}
