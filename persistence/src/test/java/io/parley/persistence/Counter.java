package io.parley.persistence;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.SupervisorStrategy;
import akka.persistence.typed.PersistenceId;
import akka.persistence.typed.javadsl.CommandHandler;
import akka.persistence.typed.javadsl.EventHandler;
import akka.persistence.typed.javadsl.EventSourcedBehavior;
import java.time.Duration;

/** A persistent actor that counts: the smallest thing that can lose an event. */
final class Counter extends EventSourcedBehavior<Counter.Add, String, Integer> {

  /** Asks for the next number; the answer comes when it is stored. */
  record Add(ActorRef<Integer> replyTo) {}

  private Counter(String id) {
    super(
        PersistenceId.ofUniqueId(id),
        SupervisorStrategy.restartWithBackoff(Duration.ofMillis(200), Duration.ofSeconds(1), 0.1)
            .withMaxRestarts(1000));
  }

  static Behavior<Add> create(String id) {
    return new Counter(id);
  }

  @Override
  public Integer emptyState() {
    return 0;
  }

  @Override
  public CommandHandler<Add, String, Integer> commandHandler() {
    return newCommandHandlerBuilder()
        .forAnyState()
        .onAnyCommand(
            (count, add) ->
                Effect()
                    .persist(String.valueOf(count + 1))
                    .thenRun(now -> add.replyTo().tell(now)));
  }

  @Override
  public EventHandler<Integer, String> eventHandler() {
    return newEventHandlerBuilder().forAnyState().onAnyEvent((count, event) -> count + 1);
  }
}
