package io.parley.node.http;

import akka.actor.Cancellable;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.ClusterEvent.MemberRemoved;
import akka.cluster.MemberStatus;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.EntityRef;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Subscribe;
import akka.pattern.Patterns;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sessions of the cluster, by sharding. When a node is given up, the asks that were under way are
 * sent again at once: the one that they went to may be the one that died.
 */
public final class ShardedSessions implements SessionGateway {
  private static final Logger LOG = LoggerFactory.getLogger(ShardedSessions.class);

  private final ActorSystem<?> system;
  private final ClusterSharding sharding;
  private final HttpSettings settings;
  private final Map<Object, CompletableFuture<Reply>> underWay = new ConcurrentHashMap<>();

  public ShardedSessions(ActorSystem<?> system, HttpSettings settings) {
    this.system = system;
    this.sharding = ClusterSharding.get(system);
    this.settings = settings;
    system.systemActorOf(followLosses(), "parley-lost-asks", Props.empty());
  }

  private Behavior<MemberRemoved> followLosses() {
    return Behaviors.setup(
        context -> {
          Cluster.get(system)
              .subscriptions()
              .tell(Subscribe.create(context.getSelf(), MemberRemoved.class));
          return Behaviors.receiveMessage(
              removed -> {
                if (removed.previousStatus() == MemberStatus.down()) {
                  underWay
                      .values()
                      .forEach(
                          ask ->
                              ask.completeExceptionally(new TimeoutException("a node was lost")));
                }
                return Behaviors.same();
              });
        });
  }

  @Override
  public CompletionStage<Reply> ask(
      SessionId session, Function<ActorRef<Reply>, SessionCommand> command) {
    EntityRef<SessionInbox> entity =
        sharding.entityRefFor(SessionInbox.TYPE_KEY, session.entityId());
    return attempt(entity, command, 1);
  }

  private CompletionStage<Reply> attempt(
      EntityRef<SessionInbox> entity,
      Function<ActorRef<Reply>, SessionCommand> command,
      int number) {
    CompletableFuture<Reply> asked = ask(entity, command);
    Object key = new Object();
    underWay.put(key, asked);
    return asked
        .whenComplete((reply, failure) -> underWay.remove(key))
        .handle(
            (reply, failure) -> {
              if (failure == null) {
                return CompletableFuture.completedFuture(reply);
              }
              if (!(Errors.unwrap(failure) instanceof TimeoutException)) {
                return CompletableFuture.<Reply>failedFuture(Errors.unwrap(failure));
              }
              LOG.debug("no answer from session {} at try {}", entity.getEntityId(), number);
              return number < settings.askAttempts()
                  ? later(backoff(number), () -> attempt(entity, command, number + 1))
                  : CompletableFuture.<Reply>completedFuture(unavailable());
            })
        .thenCompose(Function.identity());
  }

  /**
   * What is asked is said again while no answer comes: the session may be moving, and a message
   * that meets it then is lost. It takes the same message twice for one.
   */
  private CompletableFuture<Reply> ask(
      EntityRef<SessionInbox> entity, Function<ActorRef<Reply>, SessionCommand> command) {
    AtomicReference<SessionCommand> said = new AtomicReference<>();
    CompletableFuture<Reply> asked =
        entity
            .<Reply>ask(
                replyTo -> {
                  said.set(command.apply(replyTo));
                  return said.get();
                },
                settings.askTimeout())
            .toCompletableFuture()
            .copy();
    Cancellable again =
        system
            .scheduler()
            .scheduleWithFixedDelay(
                settings.askAgain(),
                settings.askAgain().multipliedBy(4),
                () -> entity.tell(said.get()),
                system.executionContext());
    var unused = asked.whenComplete((reply, failure) -> again.cancel());
    return asked;
  }

  private Duration backoff(int number) {
    return settings.askBackoff().multipliedBy(1L << Math.min(number - 1, 5));
  }

  private <T> CompletionStage<T> later(
      Duration delay, java.util.concurrent.Callable<CompletionStage<T>> action) {
    return Patterns.after(delay, system, action);
  }

  private Reply.Refused unavailable() {
    return new Reply.Refused(
        RefusalReason.JOURNAL_UNAVAILABLE,
        "the session does not answer",
        Optional.empty(),
        Optional.of(settings.retryAfter().toMillis()));
  }
}
