package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.stream.Materializer;
import akka.stream.javadsl.Flow;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import akka.stream.javadsl.Tcp;
import akka.util.ByteString;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * Holds a connection to the port of a worker's node on which nothing is said. When that ends, it is
 * opened again: if that is refused, nobody listens there any more and the process is gone.
 * Everything else (no answer, no route, a name that is not known) proves nothing, and is left to
 * the cluster's failure detector.
 */
final class SentinelBehavior {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration PAUSE_MIN = Duration.ofMillis(50);
  private static final Duration PAUSE_MAX = Duration.ofSeconds(10);

  private SentinelBehavior() {}

  /** What a sentinel says to itself. */
  private sealed interface Event {}

  private record Connect() implements Event {}

  private record Connected() implements Event {}

  /** A connection ended, or was not made. */
  private record Ended(Optional<Throwable> failure) implements Event {}

  private record WorkerStopped() implements Event {}

  /**
   * @param address asked for anew with each connection
   * @param onStop called when it stops, however
   */
  static Behavior<?> create(
      Supplier<InetSocketAddress> address, ActorRef<?> worker, Runnable onStop) {
    return Behaviors.<Event>setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  context.watchWith(worker, new WorkerStopped());
                  context.getSelf().tell(new Connect());
                  return new Running(
                          context,
                          timers,
                          Materializer.createMaterializer(context),
                          address,
                          onStop)
                      .behavior(PAUSE_MIN);
                }));
  }

  private record Running(
      ActorContext<Event> context,
      TimerScheduler<Event> timers,
      Materializer materializer,
      Supplier<InetSocketAddress> address,
      Runnable onStop) {

    Behavior<Event> behavior(Duration pause) {
      return Behaviors.receive(Event.class)
          .onMessage(
              Connect.class,
              connect -> {
                open();
                return Behaviors.same();
              })
          .onMessage(Connected.class, connected -> behavior(PAUSE_MIN))
          .onMessage(Ended.class, ended -> onEnded(ended, pause))
          .onMessage(WorkerStopped.class, stopped -> Behaviors.stopped())
          .onSignal(
              PostStop.class,
              stop -> {
                onStop.run();
                return Behaviors.same();
              })
          .build();
    }

    private Behavior<Event> onEnded(Ended ended, Duration pause) {
      if (ended.failure().filter(Running::isRefusal).isPresent()) {
        return Behaviors.stopped();
      }
      timers.startSingleTimer(new Connect(), pause);
      Duration twice = pause.multipliedBy(2);
      return behavior(twice.compareTo(PAUSE_MAX) < 0 ? twice : PAUSE_MAX);
    }

    private void open() {
      Flow<ByteString, ByteString, CompletionStage<Tcp.OutgoingConnection>> connection =
          Tcp.get(context.getSystem())
              .outgoingConnection(
                  address.get(),
                  Optional.empty(),
                  List.of(),
                  false,
                  Optional.of(CONNECT_TIMEOUT),
                  Optional.empty());
      var ends =
          Source.<ByteString>maybe()
              .viaMat(connection, Keep.right())
              .toMat(Sink.ignore(), Keep.both())
              .run(materializer);
      ActorRef<Event> self = context.getSelf();
      context.pipeToSelf(
          ends.first()
              .thenCompose(
                  made -> {
                    self.tell(new Connected());
                    return ends.second().handle((done, failure) -> made);
                  }),
          (over, failure) -> new Ended(Optional.ofNullable(failure)));
    }

    private static boolean isRefusal(Throwable failure) {
      for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
        if (cause instanceof ConnectException
            && String.valueOf(cause.getMessage()).contains("refused")) {
          return true;
        }
      }
      return false;
    }
  }
}
