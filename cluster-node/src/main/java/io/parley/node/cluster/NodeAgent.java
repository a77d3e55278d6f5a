package io.parley.node.cluster;

import akka.Done;
import akka.actor.Address;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.AskPattern;
import akka.actor.typed.javadsl.Behaviors;
import akka.pattern.Patterns;
import io.parley.node.models.NodeModels;
import io.parley.routing.protocol.CborSerializable;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** Answers for its node when another one is asked about the whole cluster. */
public final class NodeAgent {
  static final Duration PATIENCE = Duration.ofSeconds(3);
  private static final String NAME = "parley-agent";

  private NodeAgent() {}

  /** What an agent understands. */
  interface Message extends CborSerializable {}

  /** What do you serve? */
  record Describe(ActorRef<NodeReport> replyTo) implements Message {}

  /** Stop in order, as at SIGTERM; answered when that begins. */
  record Drain(ActorRef<Draining> replyTo) implements Message {}

  /** The node is going to stop. */
  record Draining(boolean begun) implements CborSerializable {}

  /** Why a node stops that was told to by an operator. */
  public static final class Drained implements CoordinatedShutdown.Reason {
    @Override
    public String toString() {
      return "it was drained";
    }
  }

  /**
   * Starts this node's agent.
   *
   * @param models the owner of its models, if it has the role {@code worker}
   */
  public static void start(ActorSystem<?> system, Optional<ActorRef<NodeModels.Command>> models) {
    Runnable drain =
        () -> {
          CompletionStage<Done> unused = CoordinatedShutdown.get(system).runAll(new Drained());
        };
    system.systemActorOf(create(models, drain), NAME, Props.empty());
  }

  static Behavior<Message> create(Optional<ActorRef<NodeModels.Command>> models, Runnable drain) {
    return Behaviors.setup(
        context ->
            Behaviors.receive(Message.class)
                .onMessage(
                    Describe.class,
                    describe -> {
                      var unused =
                          report(context.getSystem(), models).thenAccept(describe.replyTo()::tell);
                      return Behaviors.same();
                    })
                .onMessage(
                    Drain.class,
                    message -> {
                      message.replyTo().tell(new Draining(true));
                      drain.run();
                      return Behaviors.same();
                    })
                .build());
  }

  private static CompletionStage<NodeReport> report(
      ActorSystem<?> system, Optional<ActorRef<NodeModels.Command>> models) {
    return models
        .map(
            owner ->
                AskPattern.<NodeModels.Command, NodeModels.Models>ask(
                        owner, NodeModels.Describe::new, PATIENCE, system.scheduler())
                    .thenApply(all -> NodeReport.of(all.models())))
        .orElseGet(() -> CompletableFuture.completedFuture(new NodeReport(List.of())));
  }

  /** Asks the agent of a node. The stage fails when it does not answer. */
  static <T> CompletionStage<T> ask(
      ActorSystem<?> system, Address node, Class<T> type, Function<ActorRef<T>, Message> question) {
    return Patterns.askWithReplyTo(
            Adapter.toClassic(system).actorSelection(node + "/system/" + NAME),
            replyTo -> question.apply(Adapter.toTyped(replyTo)),
            PATIENCE.plusSeconds(1))
        .thenApply(type::cast);
  }
}
