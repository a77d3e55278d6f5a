package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.receptionist.Receptionist;
import io.parley.routing.WorkerDirectory.Answer;
import io.parley.routing.WorkerDirectory.Describe;
import io.parley.routing.WorkerDirectory.Description;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Follows the receptionist's list of workers, asks each what it serves until it answers, and is
 * told when that changes.
 */
final class DirectoryBehavior extends AbstractBehavior<DirectoryBehavior.Command> {
  interface Command {}

  /** Takes what is known now. */
  interface Publish {
    /**
     * What is known.
     *
     * @param workers what each of them serves
     * @param reachable those whose node can be reached
     * @param missed models that are missed
     */
    void accept(
        Map<ActorRef<WorkerMessage>, ModelInfo> workers,
        Set<ActorRef<WorkerMessage>> reachable,
        Collection<ModelInfo> missed);
  }

  private record Workers(Set<ActorRef<WorkerMessage>> refs, Set<ActorRef<WorkerMessage>> reachable)
      implements Command {}

  private record Said(Answer answer) implements Command {}

  private record AskAgain() implements Command {}

  /** A model whose last worker went without a farewell. */
  private record Missed(ModelInfo model, long untilNanos) {}

  private final Duration forgetAfter;
  private final Publish publish;
  private final ActorRef<Answer> answers;
  private final Map<ActorRef<WorkerMessage>, ModelInfo> known = new HashMap<>();
  private final Map<ModelId, Missed> missed = new HashMap<>();
  private Set<ActorRef<WorkerMessage>> workers = Set.of();
  private Set<ActorRef<WorkerMessage>> reachable = Set.of();

  /** Of these, the ones that said farewell and are listed yet. */
  private final Set<ActorRef<WorkerMessage>> leaving = new HashSet<>();

  /**
   * A directory.
   *
   * @param forgetAfter how long a model is missed whose last worker went without a farewell
   */
  static Behavior<Command> create(
      Duration describeInterval, Duration forgetAfter, Publish publish) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new AskAgain(), describeInterval);
                  return new DirectoryBehavior(context, forgetAfter, publish);
                }));
  }

  private DirectoryBehavior(ActorContext<Command> context, Duration forgetAfter, Publish publish) {
    super(context);
    this.forgetAfter = forgetAfter;
    this.publish = publish;
    this.answers = context.messageAdapter(Answer.class, Said::new);
    ActorRef<Receptionist.Listing> listings =
        context.messageAdapter(
            Receptionist.Listing.class,
            // unreachable ones too: a model does not vanish with a short loss of the network
            listing ->
                new Workers(
                    listing.getAllServiceInstances(WorkerDirectory.SERVICE_KEY),
                    listing.getServiceInstances(WorkerDirectory.SERVICE_KEY)));
    context
        .getSystem()
        .receptionist()
        .tell(Receptionist.subscribe(WorkerDirectory.SERVICE_KEY, listings));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Workers.class, this::onWorkers)
        .onMessage(Said.class, this::onSaid)
        .onMessage(AskAgain.class, tick -> onTick())
        .build();
  }

  private Behavior<Command> onWorkers(Workers message) {
    workers = new HashSet<>(message.refs());
    leaving.retainAll(workers);
    List<ModelInfo> gone = new ArrayList<>();
    known.forEach(
        (worker, model) -> {
          if (!workers.contains(worker)) {
            gone.add(model);
          }
        });
    boolean others = !reachable.equals(message.reachable());
    reachable = Set.copyOf(message.reachable());
    if (known.keySet().retainAll(workers) || others) {
      gone.forEach(this::miss);
      publishKnown();
    }
    return askTheUnknown();
  }

  private void miss(ModelInfo model) {
    boolean served = known.values().stream().anyMatch(other -> other.id().equals(model.id()));
    if (!served && !forgetAfter.isZero()) {
      missed.put(model.id(), new Missed(model, System.nanoTime() + forgetAfter.toNanos()));
    }
  }

  private Behavior<Command> onSaid(Said message) {
    ActorRef<WorkerMessage> worker = message.answer().worker();
    if (!workers.contains(worker)) {
      return this;
    }
    if (message.answer() instanceof Description description) {
      known.put(worker, description.model());
      missed.remove(description.model().id());
    } else {
      known.remove(worker);
      leaving.add(worker);
    }
    publishKnown();
    return this;
  }

  private Behavior<Command> onTick() {
    long now = System.nanoTime();
    if (missed.values().removeIf(model -> now - model.untilNanos() >= 0)) {
      publishKnown();
    }
    return askTheUnknown();
  }

  private Behavior<Command> askTheUnknown() {
    for (ActorRef<WorkerMessage> worker : workers) {
      if (!known.containsKey(worker) && !leaving.contains(worker)) {
        worker.tell(new Describe(answers));
      }
    }
    return this;
  }

  private void publishKnown() {
    publish.accept(
        Map.copyOf(known), reachable, missed.values().stream().map(Missed::model).toList());
  }
}
