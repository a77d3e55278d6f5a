package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.receptionist.Receptionist;
import io.parley.routing.WorkerDirectory.Describe;
import io.parley.routing.WorkerDirectory.Description;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** Follows the receptionist's list of workers and asks each what it serves until it answers. */
final class DirectoryBehavior extends AbstractBehavior<DirectoryBehavior.Command> {
  interface Command {}

  private record Workers(Set<ActorRef<WorkerMessage>> refs) implements Command {}

  private record Described(Description description) implements Command {}

  private record AskAgain() implements Command {}

  private final Consumer<Map<ActorRef<WorkerMessage>, ModelInfo>> publish;
  private final ActorRef<Description> answers;
  private final Map<ActorRef<WorkerMessage>, ModelInfo> known = new HashMap<>();
  private Set<ActorRef<WorkerMessage>> workers = Set.of();

  static Behavior<Command> create(
      Duration describeInterval, Consumer<Map<ActorRef<WorkerMessage>, ModelInfo>> publish) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new AskAgain(), describeInterval);
                  return new DirectoryBehavior(context, publish);
                }));
  }

  private DirectoryBehavior(
      ActorContext<Command> context, Consumer<Map<ActorRef<WorkerMessage>, ModelInfo>> publish) {
    super(context);
    this.publish = publish;
    this.answers = context.messageAdapter(Description.class, Described::new);
    ActorRef<Receptionist.Listing> listings =
        context.messageAdapter(
            Receptionist.Listing.class,
            // unreachable ones too: a model does not vanish with a short loss of the network
            listing -> new Workers(listing.getAllServiceInstances(WorkerDirectory.SERVICE_KEY)));
    context
        .getSystem()
        .receptionist()
        .tell(Receptionist.subscribe(WorkerDirectory.SERVICE_KEY, listings));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Workers.class, this::onWorkers)
        .onMessage(Described.class, this::onDescribed)
        .onMessage(AskAgain.class, tick -> askTheUnknown())
        .build();
  }

  private Behavior<Command> onWorkers(Workers message) {
    workers = new HashSet<>(message.refs());
    if (known.keySet().retainAll(workers)) {
      publishKnown();
    }
    return askTheUnknown();
  }

  private Behavior<Command> onDescribed(Described message) {
    Description description = message.description();
    if (workers.contains(description.worker())) {
      known.put(description.worker(), description.model());
      publishKnown();
    }
    return this;
  }

  private Behavior<Command> askTheUnknown() {
    for (ActorRef<WorkerMessage> worker : workers) {
      if (!known.containsKey(worker)) {
        worker.tell(new Describe(answers));
      }
    }
    return this;
  }

  private void publishKnown() {
    publish.accept(Map.copyOf(known));
  }
}
