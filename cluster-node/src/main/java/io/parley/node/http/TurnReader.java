package io.parley.node.http;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.japi.Pair;
import akka.pattern.Patterns;
import akka.stream.javadsl.Source;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.ReadTurn;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.Reply.Refused;
import io.parley.sessions.SessionCommand.Reply.TurnSlice;
import io.parley.sessions.SessionCommand.TurnStatus;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Reads a turn by asking its session again and again, always from the next index on.
 *
 * <p>A client that takes nothing makes no asks, and a session that moved or restarted is found by
 * the next ask. While nobody answers, it goes on asking until {@code reconnect-limit}.
 */
final class TurnReader {
  private final SessionGateway sessions;
  private final HttpSettings settings;
  private final ActorSystem<?> system;

  TurnReader(SessionGateway sessions, HttpSettings settings, ActorSystem<?> system) {
    this.sessions = sessions;
    this.settings = settings;
    this.system = system;
  }

  /** Where a reader stands. */
  private record Position(int next, boolean ended) {}

  /** The slices from an index on, until the turn has ended and all of it was read. */
  Source<TurnSlice, NotUsed> slices(SessionId session, int turn, int fromIndex) {
    return after(session, turn, new Position(fromIndex, false));
  }

  /** As {@link #slices}, where the first slice was asked for already. */
  Source<TurnSlice, NotUsed> slices(SessionId session, int turn, CompletionStage<TurnSlice> first) {
    return Source.completionStage(first)
        .flatMapConcat(
            slice -> {
              Source<TurnSlice, NotUsed> rest = after(session, turn, positionAfter(slice));
              return Source.single(slice).concatLazy(rest);
            });
  }

  private Source<TurnSlice, NotUsed> after(SessionId session, int turn, Position start) {
    return Source.unfoldAsync(
        start,
        position ->
            position.ended()
                ? CompletableFuture.completedFuture(Optional.empty())
                : read(session, turn, position.next(), true)
                    .thenApply(slice -> Optional.of(Pair.create(positionAfter(slice), slice))));
  }

  private static Position positionAfter(TurnSlice slice) {
    return new Position(slice.nextIndex(), slice.last());
  }

  /** The first slice that says more than that the turn waits in a queue. */
  CompletionStage<TurnSlice> admitted(SessionId session, int turn) {
    return read(session, turn, 0, false)
        .thenCompose(
            slice ->
                slice.turn().status() == TurnStatus.QUEUED && slice.tokens().isEmpty()
                    ? admitted(session, turn)
                    : CompletableFuture.completedFuture(slice));
  }

  /**
   * One read. It fails with {@link ApiException} when the session refuses, or when nobody answers
   * for {@code reconnect-limit}.
   */
  CompletionStage<TurnSlice> read(
      SessionId session, int turn, int fromIndex, boolean seenAdmitted) {
    return read(session, new Ask(turn, fromIndex, seenAdmitted), System.nanoTime(), 0);
  }

  private record Ask(int turn, int fromIndex, boolean seenAdmitted) {}

  private CompletionStage<TurnSlice> read(
      SessionId session, Ask ask, long sinceNanos, int failures) {
    long askedNanos = System.nanoTime();
    return sessions
        .ask(
            session,
            replyTo -> new ReadTurn(ask.turn(), ask.fromIndex(), ask.seenAdmitted(), replyTo))
        .thenCompose(reply -> answered(session, ask, sinceNanos, failures, reply))
        .thenCompose(slice -> unhurried(slice, ask, askedNanos));
  }

  /**
   * A session with too many readers answers some early, with nothing. Those wait a little, or they
   * would drive each other out without a pause.
   */
  private CompletionStage<TurnSlice> unhurried(TurnSlice slice, Ask ask, long askedNanos) {
    boolean waitsOn = ask.seenAdmitted() || slice.turn().status() == TurnStatus.QUEUED;
    Duration early = settings.askBackoff().minusNanos(System.nanoTime() - askedNanos);
    boolean nothing = slice.tokens().isEmpty() && !slice.last() && waitsOn;
    return nothing && early.compareTo(Duration.ZERO) > 0
        ? Patterns.after(early, system, () -> CompletableFuture.completedFuture(slice))
        : CompletableFuture.completedFuture(slice);
  }

  private CompletionStage<TurnSlice> answered(
      SessionId session, Ask ask, long sinceNanos, int failures, Reply reply) {
    if (reply instanceof TurnSlice slice && slice.fromIndex() == ask.fromIndex()) {
      return CompletableFuture.completedFuture(slice);
    }
    if (!(reply instanceof Refused refused)) {
      return CompletableFuture.failedFuture(
          new IllegalStateException("a read was answered with " + reply.getClass()));
    }
    Duration silent = Duration.ofNanos(System.nanoTime() - sinceNanos);
    boolean goOn =
        refused.reason() == RefusalReason.JOURNAL_UNAVAILABLE
            && silent.compareTo(settings.reconnectLimit()) < 0;
    if (!goOn) {
      return CompletableFuture.failedFuture(Errors.of(refused, settings.retryAfter().toMillis()));
    }
    Duration pause = settings.askBackoff().multipliedBy(1L << Math.min(failures, 4));
    return Patterns.after(pause, system, () -> read(session, ask, sinceNanos, failures + 1));
  }
}
