package io.parley.node;

import akka.actor.Address;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.Behaviors;
import akka.pattern.Patterns;
import io.parley.routing.protocol.CborSerializable;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Where a node asks before it joins: each member answers whether it may, and if not, why, so that
 * both sides can say so in a sentence. Its answer also names the cluster's claim on the journal,
 * which the joining node is going to share. A node that looks for its cluster by discovery answers
 * while it does, too, so that others know that it lives and that there is nothing to join yet.
 */
final class ClusterDoor {
  private static final String NAME = "parley-door";
  private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration PAUSE = Duration.ofMillis(300);

  private ClusterDoor() {}

  /** What a door understands. */
  interface Message {}

  /** How far a node is. */
  enum Standing {
    /** It looks for a cluster to join. */
    WAITING,
    /** It looks for a cluster, and may form one. */
    CANDIDATE,
    /** It knows its cluster, or forms it, and is about to be a member: nobody else forms one. */
    ENTERING,
    MEMBER;

    @Override
    public String toString() {
      return this == MEMBER ? "member" : this == ENTERING ? "about to enter" : "starting";
    }
  }

  /** From now on that is the answer. */
  record Changed(Standing standing, Optional<UUID> claim) implements Message {}

  /**
   * May I come in?
   *
   * @param from the address of the node that asks
   * @param terms its {@link ClusterTerms}
   */
  record Knock(String from, Map<String, String> terms, ActorRef<Answer> replyTo)
      implements Message, CborSerializable {}

  /**
   * Whether the node may join.
   *
   * @param refusals why not; empty: it may
   * @param claim the incarnation by which the cluster holds its keyspace; empty when it holds none
   * @param standing of the node that answers: one that is no member yet cannot be joined
   */
  record Answer(List<String> refusals, Optional<UUID> claim, Standing standing)
      implements CborSerializable {
    Answer {
      refusals = List.copyOf(refusals);
    }
  }

  /** Lets this node answer others. */
  static ActorRef<Message> open(ActorSystem<?> system, ClusterTerms terms, Changed state) {
    return system.systemActorOf(create(terms, state), NAME, Props.empty());
  }

  static Behavior<Message> create(ClusterTerms terms, Changed state) {
    return Behaviors.setup(
        context ->
            Behaviors.receive(Message.class)
                .onMessage(Changed.class, changed -> create(terms, changed))
                .onMessage(
                    Knock.class,
                    knock -> {
                      List<String> refusals = new ClusterTerms(knock.terms()).differences(terms);
                      if (!refusals.isEmpty()) {
                        context
                            .getLog()
                            .warn(
                                "A node at {} may not join this cluster: {}",
                                knock.from(),
                                String.join("; ", refusals));
                      }
                      knock.replyTo().tell(new Answer(refusals, state.claim(), state.standing()));
                      return Behaviors.same();
                    })
                .build());
  }

  /**
   * Asks the nodes at these addresses, again and again, until one answers.
   *
   * @param deadlineNanos in the time of {@link System#nanoTime()}
   * @return the cluster's claim on the journal, if it holds one
   * @throws StartupException with one line: none answers in time, or this node may not join
   */
  static Optional<UUID> knock(
      ActorSystem<?> system,
      String self,
      List<Address> seeds,
      ClusterTerms terms,
      long deadlineNanos) {
    while (true) {
      for (CompletableFuture<Answer> asked : ask(system, self, seeds, terms).values()) {
        Optional<Answer> answer = await(asked);
        if (answer.filter(each -> each.standing() == Standing.MEMBER).isPresent()) {
          return admitted(answer.get(), seeds);
        }
      }
      if (System.nanoTime() - deadlineNanos > 0) {
        throw new StartupException(
            "no node of a cluster answers at "
                + String.join(", ", seeds.stream().map(Address::hostPort).toList())
                + ": check parley.cluster.join (--join), and that a node is up there; the first"
                + " node of a cluster starts without");
      }
      Waiting.pause(PAUSE);
    }
  }

  /** Asks all of them once, and gives the answers of those that answer. */
  static Map<Address, Answer> answers(
      ActorSystem<?> system, String self, List<Address> nodes, ClusterTerms terms) {
    Map<Address, Answer> answers = new LinkedHashMap<>();
    ask(system, self, nodes, terms)
        .forEach((node, asked) -> await(asked).ifPresent(answer -> answers.put(node, answer)));
    return answers;
  }

  private static Map<Address, CompletableFuture<Answer>> ask(
      ActorSystem<?> system, String self, List<Address> seeds, ClusterTerms terms) {
    Map<Address, CompletableFuture<Answer>> asked = new LinkedHashMap<>();
    for (Address seed : seeds) {
      asked.put(
          seed,
          Patterns.askWithReplyTo(
                  Adapter.toClassic(system).actorSelection(seed + "/system/" + NAME),
                  replyTo -> new Knock(self, terms.values(), Adapter.toTyped(replyTo)),
                  ANSWER_TIMEOUT)
              .thenApply(Answer.class::cast)
              .toCompletableFuture());
    }
    return asked;
  }

  private static Optional<Answer> await(CompletableFuture<Answer> asked) {
    try {
      return Optional.of(
          asked.get(ANSWER_TIMEOUT.multipliedBy(2).toMillis(), TimeUnit.MILLISECONDS));
    } catch (ExecutionException | TimeoutException e) {
      return Optional.empty(); // nobody is there, or not yet
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartupException("interrupted", e);
    }
  }

  private static Optional<UUID> admitted(Answer answer, List<Address> seeds) {
    if (!answer.refusals().isEmpty()) {
      throw new StartupException(
          "the cluster at "
              + String.join(", ", seeds.stream().map(Address::hostPort).toList())
              + " refuses this node: "
              + String.join("; ", answer.refusals()));
    }
    return answer.claim();
  }
}
