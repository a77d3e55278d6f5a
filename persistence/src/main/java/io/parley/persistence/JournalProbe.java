package io.parley.persistence;

import akka.Done;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.persistence.cassandra.query.javadsl.CassandraReadJournal;
import akka.persistence.query.PersistenceQuery;
import akka.persistence.typed.PersistenceId;
import akka.persistence.typed.RecoveryCompleted;
import akka.persistence.typed.RecoveryFailed;
import akka.persistence.typed.javadsl.CommandHandler;
import akka.persistence.typed.javadsl.EventHandler;
import akka.persistence.typed.javadsl.EventSourcedBehavior;
import akka.persistence.typed.javadsl.SignalHandler;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Recovers an entity that has no events, before a node hosts any that have some. The plugin
 * prepares each statement when it is used first, and remembers a failure for good: a node that met
 * its first session in a short outage would never read one again. It writes nothing.
 */
public final class JournalProbe
    extends EventSourcedBehavior<JournalProbe.Recovered, JournalProbe.Nothing, Done> {
  /** Ends it. */
  record Recovered() {}

  /** There are no events. */
  record Nothing() {}

  private final ActorContext<Recovered> context;
  private final CompletableFuture<Done> read;

  private JournalProbe(ActorContext<Recovered> context, CompletableFuture<Done> read) {
    super(PersistenceId.ofUniqueId("parley-journal-probe"));
    this.context = context;
    this.read = read;
  }

  /**
   * Reads as a recovering entity does.
   *
   * @return done when sessions can be recovered; fails when a statement could not be prepared or
   *     run, after which this actor system must not host any
   */
  public static CompletionStage<Done> run(ActorSystem<?> system) {
    CompletableFuture<Done> read = new CompletableFuture<>();
    Behavior<Recovered> probe = Behaviors.setup(context -> new JournalProbe(context, read));
    var unused = system.systemActorOf(probe, "parley-journal-probe", Props.empty());
    return PersistenceQuery.get(system)
        .getReadJournalFor(CassandraReadJournal.class, CassandraReadJournal.Identifier())
        .initialize()
        .thenCombine(read, (prepared, recovered) -> recovered);
  }

  @Override
  public Done emptyState() {
    return Done.getInstance();
  }

  @Override
  public CommandHandler<Recovered, Nothing, Done> commandHandler() {
    return (state, recovered) -> Effect().stop();
  }

  @Override
  public EventHandler<Done, Nothing> eventHandler() {
    return (state, event) -> state;
  }

  @Override
  public SignalHandler<Done> signalHandler() {
    return newSignalHandlerBuilder()
        .onSignal(
            RecoveryCompleted.instance(),
            state -> {
              read.complete(state);
              context.getSelf().tell(new Recovered());
            })
        .onSignal(
            RecoveryFailed.class,
            (state, failed) -> read.completeExceptionally(failed.getFailure()))
        .build();
  }
}
