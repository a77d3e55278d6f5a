package io.parley.node.http;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.http.javadsl.model.HttpResponse;
import akka.japi.pf.PFBuilder;
import akka.pattern.Patterns;
import akka.stream.KillSwitches;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.Source;
import akka.util.ByteString;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.CancelTurn;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.Reply.Done;
import io.parley.sessions.SessionCommand.Reply.TurnAccepted;
import io.parley.sessions.SessionCommand.Reply.TurnSlice;
import io.parley.sessions.SessionCommand.StartTurn;
import io.parley.sessions.SessionCommand.TurnProgress;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts turns and reads them to their end or as a stream, with the rules for lost clients. */
final class Turns {
  private static final Logger LOG = LoggerFactory.getLogger(Turns.class);

  /** Another node has what a stream of a stopping one had: no reason to wait. */
  private static final int RECONNECT_MILLIS = 100;

  private final Sessions sessions;
  private final TurnReader reader;
  private final HttpSettings settings;
  private final ActorSystem<?> system;
  private final Stopping stopping;

  Turns(
      Sessions sessions,
      TurnReader reader,
      HttpSettings settings,
      ActorSystem<?> system,
      Stopping stopping) {
    this.sessions = sessions;
    this.reader = reader;
    this.settings = settings;
    this.system = system;
    this.stopping = stopping;
  }

  /**
   * What a caller asks of a session.
   *
   * @param key the client's idempotency key, or a random word
   * @param afterTurn the turn that must be the session's last, if it matters
   */
  record Start(
      SessionId session,
      String key,
      String fingerprint,
      boolean createIfAbsent,
      Optional<Integer> afterTurn,
      TurnRequest request) {
    /** In a session that is there, or in a new one. */
    Start(
        SessionId session,
        String key,
        String fingerprint,
        boolean createIfAbsent,
        TurnRequest request) {
      this(session, key, fingerprint, createIfAbsent, Optional.empty(), request);
    }

    /**
     * The same, where only the turn is wanted that the key means already. The fingerprint stands
     * for what was asked.
     */
    Start onlyIfKnown() {
      TurnRequest bare =
          new TurnRequest(
              request.model(),
              List.of(),
              List.of(),
              Optional.empty(),
              request.sampling(),
              request.contextPolicy(),
              request.priority(),
              request.stored(),
              request.background(),
              Map.of());
      return new Start(session, key, fingerprint, false, Optional.of(BEHIND_NOTHING), bare);
    }
  }

  /** A turn and whether its key was known before. */
  record Started(SessionId session, int turn, boolean repeated) {}

  CompletionStage<Started> start(Start start) {
    return sessions
        .ask(
            start.session(),
            TurnAccepted.class,
            replyTo ->
                new StartTurn(
                    start.key(),
                    start.fingerprint(),
                    start.createIfAbsent(),
                    start.afterTurn(),
                    start.request(),
                    replyTo))
        .thenApply(accepted -> new Started(start.session(), accepted.turn(), accepted.repeated()));
  }

  /**
   * Names no turn that there can be: behind it none begins, while a known key still finds its turn.
   */
  private static final int BEHIND_NOTHING = -1;

  /**
   * The turn that a key means already; none begins.
   *
   * @return empty when the session or the key is not known
   */
  CompletionStage<Optional<Started>> find(Start start) {
    return start(start.onlyIfKnown())
        .handle(
            (started, failure) -> {
              if (failure == null) {
                return CompletableFuture.completedFuture(Optional.of(started));
              }
              String code = Errors.from(failure).code();
              return code.equals("not_found") || code.equals("turn_not_last")
                  ? CompletableFuture.completedFuture(Optional.<Started>empty())
                  : CompletableFuture.<Optional<Started>>failedFuture(failure);
            })
        .thenCompose(stage -> stage);
  }

  /**
   * The turn of which the caller has seen an event. It begins none: whoever has seen an event asks
   * for a turn that is there.
   */
  CompletionStage<Started> resume(EventId seen, Start start) {
    return find(start)
        .thenApply(
            found -> {
              Started started =
                  found.orElseThrow(
                      () -> EventId.invalid("Last-Event-ID is of no turn of this key."));
              seen.requireTurn(started.session(), started.turn());
              return started;
            });
  }

  /**
   * For a caller who cannot ask for the turn again. A start without an answer may have begun the
   * turn, or begin it when its session has recovered, so it is looked for and cancelled.
   *
   * @param perhaps where the turn may have begun
   */
  CompletionStage<Started> orCancelled(CompletionStage<Started> begun, List<Start> perhaps) {
    return begun.whenComplete(
        (started, failure) -> {
          if (failure != null && isUnavailable(failure)) {
            perhaps.forEach(start -> cancelIfBegun(start.onlyIfKnown(), System.nanoTime()));
          }
        });
  }

  /** Asks until the session answers, at most for {@code reconnect-limit}. */
  private void cancelIfBegun(Start start, long sinceNanos) {
    var unused =
        find(start)
            .whenComplete(
                (found, failure) -> {
                  if (failure == null) {
                    found.ifPresent(this::cancel);
                  } else if (isUnavailable(failure) && elapsed(sinceNanos)) {
                    LOG.warn("{} does not answer; a turn may run unread", start.session());
                  } else if (isUnavailable(failure)) {
                    system
                        .scheduler()
                        .scheduleOnce(
                            settings.retryAfter(),
                            () -> cancelIfBegun(start, sinceNanos),
                            system.executionContext());
                  }
                });
  }

  private boolean elapsed(long sinceNanos) {
    return System.nanoTime() - sinceNanos > settings.reconnectLimit().toNanos();
  }

  private static boolean isUnavailable(Throwable failure) {
    return Errors.from(failure).code().equals("journal_unavailable");
  }

  /** A turn at its end; {@code tokens} only when they were asked for. */
  record Ended(TurnView turn, List<Token> tokens) {}

  /** Reads a turn to its end. */
  CompletionStage<Ended> await(Started started, boolean withTokens, OnDisconnect guard) {
    List<Token> tokens = new ArrayList<>();
    return reader
        .slices(started.session(), started.turn(), 0)
        .runFold(
            0,
            (read, slice) -> {
              if (withTokens) {
                tokens.addAll(slice.tokens());
              }
              return slice.nextIndex();
            },
            system)
        .whenComplete((read, failure) -> guard.settle(failure))
        .thenCompose(read -> whole(started))
        .thenApply(turn -> new Ended(turn, tokens));
  }

  private CompletionStage<TurnView> whole(Started started) {
    return sessions.anyTurn(new Ids.TurnId(started.session(), started.turn()));
  }

  /** What was asked when the turn was started, which may be long ago. */
  CompletionStage<TurnRequest> asked(Started started, TurnRequest now) {
    return started.repeated()
        ? whole(started).thenApply(TurnView::request)
        : CompletableFuture.completedFuture(now);
  }

  /** The first slice that says more than that the turn waits. */
  CompletionStage<TurnSlice> admitted(Started started) {
    return reader.admitted(started.session(), started.turn());
  }

  /**
   * A turn as server-sent events.
   *
   * <p>The response waits for the admission, at most {@code admission-wait}, so that a turn that
   * cannot run is an HTTP error (unless {@code failuresAsEvents}).
   */
  CompletionStage<HttpResponse> stream(
      Started started, TurnEvents events, OnDisconnect guard, boolean failuresAsEvents) {
    CompletionStage<TurnSlice> asked =
        events.fromIndex() == 0
            ? admitted(started)
            : reader.read(started.session(), started.turn(), events.fromIndex(), true);
    CompletionStage<TurnSlice> first =
        asked.thenApply(
            slice -> {
              events.requireReached(slice.turn());
              return slice;
            });
    CompletableFuture<Optional<TurnSlice>> known =
        first.thenApply(Optional::of).toCompletableFuture();
    CompletionStage<Optional<TurnSlice>> soon =
        known.isDone()
            ? known
            : known.applyToEither(
                Patterns.after(
                    settings.admissionWait(),
                    system,
                    () -> CompletableFuture.completedFuture(Optional.<TurnSlice>empty())),
                slice -> slice);
    return Stopping.orRefused(stopping.streamsEnd(), soon, late -> {})
        .thenApply(
            slice -> {
              if (!failuresAsEvents) {
                slice.ifPresent(begun -> throwIfNeverRan(begun, events));
              }
              return Replies.events(body(started, first, slice.isEmpty(), events, guard));
            })
        .whenComplete(
            (response, failure) -> {
              if (failure != null) {
                guard.settle(failure);
              }
            });
  }

  private static void throwIfNeverRan(TurnSlice slice, TurnEvents events) {
    TurnProgress turn = slice.turn();
    if (turn.status() == TurnStatus.FAILED && turn.tokenCount() == 0) {
      throw events.failure(turn.failure());
    }
  }

  /** Why a failed turn failed. */
  ApiException failure(Optional<Failure> why) {
    return why.map(failure -> Errors.of(failure, settings.retryAfter().toMillis()))
        .orElseGet(() -> ApiException.of(500, "internal_error", "The turn failed."));
  }

  private Source<ByteString, NotUsed> body(
      Started started,
      CompletionStage<TurnSlice> first,
      boolean early,
      TurnEvents events,
      OnDisconnect guard) {
    Source<ByteString, NotUsed> bytes =
        untilStopped(reader.slices(started.session(), started.turn(), first))
            .<Part>map(Part.Read::new)
            .concatLazy(Source.single(new Part.End(Errors.nodeStopping())))
            .recover(
                new PFBuilder<Throwable, Part>().matchAny(failure -> new Part.End(failure)).build())
            // the turn's last slice is the last part that counts
            .takeWhile(part -> !(part instanceof Part.Read read && read.slice().last()), true)
            // one after the other, also the last: it says where what was sent ends
            .mapAsync(1, part -> events(part, started, events, guard))
            .mapConcat(list -> list);
    // the headers leave with the first bytes, so a turn that still waits gets a comment at once
    Source<ByteString, NotUsed> opened =
        early ? Source.single(Sse.KEEP_ALIVE).concatLazy(bytes) : bytes;
    return opened
        .keepAlive(settings.keepAlive(), () -> Sse.KEEP_ALIVE)
        .watchTermination(
            (ignored, done) -> {
              done.whenComplete((end, failure) -> guard.gone());
              return ignored;
            });
  }

  /** What comes of a stream: some of the turn, or why there is no more of it here. */
  private sealed interface Part {
    record Read(TurnSlice slice) implements Part {}

    record End(Throwable why) implements Part {}
  }

  /** Completes it, wherever it is, when the streams of this node must end. */
  private Source<TurnSlice, NotUsed> untilStopped(Source<TurnSlice, NotUsed> slices) {
    return slices
        .viaMat(KillSwitches.single(), Keep.right())
        .watchTermination(
            (stream, done) -> {
              Signal.Registration end = stopping.streamsEnd().listen(stream::shutdown);
              done.whenComplete((ended, failure) -> end.remove());
              return NotUsed.getInstance();
            });
  }

  private CompletionStage<List<ByteString>> events(
      Part part, Started started, TurnEvents events, OnDisconnect guard) {
    if (!(part instanceof Part.Read read)) {
      return CompletableFuture.completedFuture(broken(((Part.End) part).why(), events, guard));
    }
    TurnSlice slice = read.slice();
    if (!slice.last()) {
      return CompletableFuture.completedFuture(events.on(slice, Optional.empty()));
    }
    guard.ended();
    return events.endsWithWholeTurn()
        ? whole(started)
            .thenApply(turn -> events.on(slice, Optional.of(turn)))
            .exceptionally(failure -> broken(failure, events, guard))
        : CompletableFuture.completedFuture(events.on(slice, Optional.empty()));
  }

  /** The turn goes on, but not this stream. */
  private static List<ByteString> broken(Throwable failure, TurnEvents events, OnDisconnect guard) {
    guard.settle(failure);
    logIfUnknown(failure);
    ApiException error = Errors.from(failure);
    ByteString event = events.broken(error);
    return List.of(
        error.code().equals("node_stopping") ? Sse.withRetry(RECONNECT_MILLIS, event) : event);
  }

  private static void logIfUnknown(Throwable failure) {
    if (!(Errors.unwrap(failure) instanceof ApiException)) {
      LOG.error("a stream failed", Errors.unwrap(failure));
    }
  }

  /** Cancels a turn when its one reader goes away before its end, if that is wanted. */
  OnDisconnect onDisconnect(Call call, Started started, boolean cancel) {
    OnDisconnect guard =
        new OnDisconnect(
            call.idempotencyKey().isPresent(),
            () -> {
              if (cancel && !stopping.begun().isGiven()) {
                cancel(started);
              }
            });
    guard.watch(call.connection().closed());
    return guard;
  }

  private void cancel(Started started) {
    LOG.debug("the reader of {} turn {} went away", started.session(), started.turn());
    sessions
        .ask(started.session(), Done.class, replyTo -> new CancelTurn(started.turn(), replyTo))
        .whenComplete(
            (done, failure) -> {
              if (failure != null) {
                LOG.warn("turn {} of {} not cancelled", started.turn(), started.session(), failure);
              }
            });
  }

  /** Runs an action once, if the reader is gone before the end. */
  static final class OnDisconnect {
    private final AtomicBoolean settled = new AtomicBoolean();
    private final boolean keyed;
    private final Runnable action;
    private volatile Signal.Registration registration = () -> {};

    /**
     * @param keyed whether the reader has a key by which to ask for the turn again
     */
    OnDisconnect(boolean keyed, Runnable action) {
      this.keyed = keyed;
      this.action = action;
    }

    /** For readers whose going away changes nothing. */
    static OnDisconnect ignore() {
      return new OnDisconnect(false, () -> {});
    }

    void watch(Signal closed) {
      registration = closed.listen(this::gone);
      if (settled.get()) {
        registration.remove(); // settled meanwhile
      }
    }

    void ended() {
      if (settled.compareAndSet(false, true)) {
        registration.remove();
      }
    }

    /**
     * The reading ended. Where it could not go on, a reader without a key is as good as gone; one
     * with a key was told to ask again.
     */
    void settle(Throwable failure) {
      if (failure != null && isUnavailable(failure) && !keyed) {
        gone();
      } else {
        ended();
      }
    }

    void gone() {
      if (settled.compareAndSet(false, true)) {
        registration.remove();
        action.run();
      }
    }
  }
}
