package io.parley.node.bulk;

import akka.actor.Cancellable;
import akka.actor.typed.ActorSystem;
import akka.pattern.Patterns;
import io.parley.node.http.ApiException;
import io.parley.node.http.BatchTurns;
import io.parley.node.http.BatchTurns.End;
import io.parley.node.http.BatchTurns.Request;
import io.parley.node.http.BatchTurns.Running;
import io.parley.node.http.Errors;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a line to its one outcome.
 *
 * <pre>
 * read     refused (4xx)                  dead letter
 *          its model is served by nobody  asked again until model-wait is over, then dead letter
 * start    full, journal away, no worker  asked again after the time that was said, without end
 *          custom_id used for another     dead letter
 * turn     answered                       result
 *          refused (4xx)                  dead letter
 *          no worker had room in time     another turn, without end
 *          lost, late (retryable)         another turn, tries of them, then a result that says so
 *          failed (500)                   a result that says so
 * deadline before the answer              the turn is cancelled; expired
 * </pre>
 *
 * <p>The turns of a line are turns of one session, with keys made of their numbers. So whoever runs
 * the line again goes the same way and comes to the same outcome.
 */
final class BulkRunner {
  private static final Logger LOG = LoggerFactory.getLogger(BulkRunner.class);

  /** What was asked for can never be answered. */
  private static final Set<Integer> FAULT_OF_THE_RECORD = Set.of(400, 404, 413, 422);

  private final BatchTurns turns;
  private final ModelWait models;
  private final BulkSettings settings;
  private final ActorSystem<?> system;
  private final Clock clock;
  private final BulkCounters counters;

  BulkRunner(
      BatchTurns turns,
      BulkSettings settings,
      ActorSystem<?> system,
      Clock clock,
      BulkCounters counters) {
    this.turns = turns;
    this.models = new ModelWait(settings.modelWait(), clock);
    this.settings = settings;
    this.system = system;
    this.clock = clock;
    this.counters = counters;
  }

  /**
   * Where a line stands.
   *
   * @param turn number of the turn that is asked for, from 1
   * @param failed how many turns before it count as failed
   * @param waits how often in a row it had to wait
   */
  private record Step(int turn, int failed, int waits) {
    Step again() {
      return new Step(turn, failed, waits + 1);
    }

    Step nextTurn(boolean counts) {
      return new Step(turn + 1, counts ? failed + 1 : failed, counts ? 0 : waits + 1);
    }

    String key() {
      return "bulk-" + turn;
    }
  }

  /** Runs it to its outcome, however long that takes; the stage does not fail. */
  CompletionStage<Outcome> run(BulkLine line) {
    return guarded(() -> step(line, new Step(1, 0, 0)));
  }

  private CompletionStage<Outcome> guarded(
      java.util.function.Supplier<CompletionStage<Outcome>> action) {
    CompletionStage<Outcome> running;
    try {
      running = action.get();
    } catch (RuntimeException e) {
      running = CompletableFuture.failedFuture(e);
    }
    return running.exceptionally(
        failure -> {
          ApiException error = Errors.from(failure);
          if (error.code().equals("internal_error")) {
            LOG.error("a bulk record failed", Errors.unwrap(failure));
          }
          return result(error);
        });
  }

  private CompletionStage<Outcome> step(BulkLine line, Step step) {
    Request request;
    try {
      request = turns.read(line.api(), line.body(), line.priority());
    } catch (ApiException e) {
      return notRead(line, step, e);
    }
    models.seen(line.model());
    return expired(line) ? atDeadline(line, step, request) : start(line, step, request);
  }

  private CompletionStage<Outcome> notRead(BulkLine line, Step step, ApiException why) {
    boolean wait =
        why.status() >= 500
            || (why.code().equals("model_not_found") && models.mayComeBack(line.model()));
    if (!wait) {
      return done(new Outcome.Dead(why));
    }
    return expired(line) ? done(new Outcome.Expired()) : later(line, step.again(), why);
  }

  private CompletionStage<Outcome> start(BulkLine line, Step step, Request request) {
    return turns
        .start(line.session(), step.key(), request)
        .<Function<Void, CompletionStage<Outcome>>>handle(
            (running, failure) ->
                next ->
                    failure == null
                        ? end(line, step, request, running)
                        : notStarted(line, step, failure))
        .thenCompose(next -> next.apply(null));
  }

  private CompletionStage<Outcome> notStarted(BulkLine line, Step step, Throwable failure) {
    ApiException why = Errors.from(failure);
    if (why.status() == 429 || why.status() == 503) {
      return later(line, step.again(), why);
    }
    if (why.code().equals("idempotency_key_reused")) {
      return done(
          new Outcome.Dead(
              ApiException.badField(
                  "custom_id",
                  "custom_id_reused",
                  "This custom_id was used before with another request of the same job.")));
    }
    if (FAULT_OF_THE_RECORD.contains(why.status())) {
      return done(new Outcome.Dead(why));
    }
    return CompletableFuture.failedFuture(failure);
  }

  private CompletionStage<Outcome> end(BulkLine line, Step step, Request request, Running running) {
    Optional<Cancellable> atDeadline =
        line.deadline().map(at -> cancelAt(at.toEpochMilli(), running));
    return turns
        .end(running, request)
        .whenComplete((end, failure) -> atDeadline.ifPresent(Cancellable::cancel))
        .<Function<Void, CompletionStage<Outcome>>>handle(
            (end, failure) ->
                next ->
                    failure == null
                        ? ended(line, step, end)
                        : notRead(line, step, request, running, failure))
        .thenCompose(next -> next.apply(null));
  }

  /** The session did not answer for long; the turn goes on, and is read again. */
  private CompletionStage<Outcome> notRead(
      BulkLine line, Step step, Request request, Running running, Throwable failure) {
    ApiException why = Errors.from(failure);
    return why.status() == 503
        ? Patterns.after(
            pause(step.again(), why), system, () -> end(line, step.again(), request, running))
        : CompletableFuture.failedFuture(failure);
  }

  private CompletionStage<Outcome> ended(BulkLine line, Step step, End end) {
    if (end instanceof End.Answered answered) {
      return done(new Outcome.Result(200, answered.body()));
    }
    ApiException why = ((End.Failed) end).why();
    if (why.code().equals("turn_cancelled")) {
      return done(expired(line) ? new Outcome.Expired() : result(why));
    }
    if (why.code().equals("model_not_found") && models.mayComeBack(line.model())) {
      return later(line, step.nextTurn(false), why);
    }
    if (FAULT_OF_THE_RECORD.contains(why.status())) {
      return done(new Outcome.Dead(why));
    }
    boolean full = why.status() == 429;
    if (full || (why.retryAfterMillis().isPresent() && step.failed() + 1 < settings.tries())) {
      return later(line, step.nextTurn(!full), why);
    }
    return done(result(why));
  }

  /** A turn that was begun has its outcome, whenever it is asked for; none begins any more. */
  private CompletionStage<Outcome> atDeadline(BulkLine line, Step step, Request request) {
    return turns
        .find(line.session(), step.key(), request)
        .<Function<Void, CompletionStage<Outcome>>>handle(
            (found, failure) ->
                next -> {
                  if (failure != null) {
                    return notStarted(line, step, failure);
                  }
                  return found.isEmpty()
                      ? done(new Outcome.Expired())
                      : end(line, step, request, found.get());
                })
        .thenCompose(next -> next.apply(null));
  }

  private Cancellable cancelAt(long epochMillis, Running running) {
    Duration left = Duration.ofMillis(Math.max(0, epochMillis - clock.millis()));
    return system.scheduler().scheduleOnce(left, () -> cancel(running), system.executionContext());
  }

  private void cancel(Running running) {
    var unused =
        turns
            .cancel(running)
            .whenComplete(
                (done, failure) -> {
                  if (failure != null) {
                    LOG.warn(
                        "turn {} of {} is past its deadline and was not cancelled: {}",
                        running.turn(),
                        running.session(),
                        Errors.from(failure).code());
                  }
                });
  }

  private boolean expired(BulkLine line) {
    return line.deadline().filter(at -> !clock.instant().isBefore(at)).isPresent();
  }

  private CompletionStage<Outcome> later(BulkLine line, Step step, ApiException why) {
    counters.waited();
    Duration pause = pause(step, why);
    Duration left =
        line.deadline()
            .map(at -> Duration.between(clock.instant(), at))
            .filter(until -> until.compareTo(pause) < 0)
            .orElse(pause);
    return Patterns.after(left.isNegative() ? Duration.ZERO : left, system, () -> step(line, step));
  }

  /** As long as was said, and longer each time, but never longer than {@code retry.max}. */
  private Duration pause(Step step, ApiException why) {
    Duration own =
        settings.retryMin().multipliedBy(1L << Math.min(Math.max(step.waits() - 1, 0), 16));
    Duration said = Duration.ofMillis(why.retryAfterMillis().orElse(0L));
    Duration longer = own.compareTo(said) > 0 ? own : said;
    return longer.compareTo(settings.retryMax()) < 0 ? longer : settings.retryMax();
  }

  private static Outcome result(ApiException why) {
    return new Outcome.Result(why.status(), Errors.json(why));
  }

  private static CompletionStage<Outcome> done(Outcome outcome) {
    return CompletableFuture.completedFuture(outcome);
  }
}
