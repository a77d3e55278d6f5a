package io.parley.sessions;

import akka.Done;
import akka.actor.typed.Behavior;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import io.parley.persistence.RunningTurns;
import io.parley.persistence.RunningTurns.Entry;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wakes the sessions whose turns run, so that a turn goes on after a crash though nobody asks for
 * it. Each session node walks over its share of the list when it starts and from time to time: a
 * session that could not be woken is woken by the next walk, and a share that was left by a node
 * that died is taken over. To wake a session that is awake costs it one message.
 */
final class TurnResumer {
  private static final Logger LOG = LoggerFactory.getLogger(TurnResumer.class);
  private static final int PARALLELISM = 16;

  /** What the resumer says to itself. */
  sealed interface Command {
    /** It is time. */
    record Walk() implements Command {}

    /** A walk is over. */
    record Walked() implements Command {}
  }

  private TurnResumer() {}

  /**
   * The behaviour.
   *
   * @param slices this node's share of the list, asked for anew with each walk
   * @param wake asks a session to go on with a turn
   */
  static Behavior<Command> create(
      RunningTurns running,
      SessionSettings.Resume settings,
      Supplier<List<Integer>> slices,
      Function<Entry, CompletionStage<?>> wake) {
    Behavior<Command> resumer =
        Behaviors.setup(
            context ->
                Behaviors.withTimers(
                    timers -> {
                      context.getSelf().tell(new Command.Walk());
                      return Behaviors.receive(Command.class)
                          .onMessage(
                              Command.Walk.class,
                              walk -> {
                                CompletionStage<Done> done =
                                    walk(context, running, settings, slices.get(), wake);
                                context.pipeToSelf(done, (ok, failure) -> walked(failure));
                                return Behaviors.same();
                              })
                          .onMessage(
                              Command.Walked.class,
                              walked -> {
                                again(timers, settings.interval());
                                return Behaviors.same();
                              })
                          .build();
                    }));
    return Behaviors.supervise(resumer)
        .onFailure(
            SupervisorStrategy.restartWithBackoff(
                Duration.ofSeconds(1), settings.interval().plusSeconds(1), 0.2));
  }

  private static CompletionStage<Done> walk(
      ActorContext<Command> context,
      RunningTurns running,
      SessionSettings.Resume settings,
      List<Integer> slices,
      Function<Entry, CompletionStage<?>> wake) {
    return Source.from(slices)
        .flatMapConcat(running::inSlice)
        .throttle(settings.perSecond(), Duration.ofSeconds(1))
        .mapAsyncUnordered(
            PARALLELISM,
            entry ->
                wake.apply(entry)
                    .handle(
                        (reply, failure) -> {
                          if (failure != null) {
                            LOG.debug("{} is not awake yet", entry, failure);
                          }
                          return Done.getInstance();
                        }))
        .runWith(Sink.ignore(), context.getSystem());
  }

  private static Command walked(Throwable failure) {
    if (failure != null) {
      LOG.warn("The list of running turns cannot be read: {}", failure.toString());
    }
    return new Command.Walked();
  }

  private static void again(TimerScheduler<Command> timers, Duration interval) {
    timers.startSingleTimer(new Command.Walk(), interval);
  }
}
