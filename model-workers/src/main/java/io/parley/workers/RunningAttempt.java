package io.parley.workers;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.AttemptReport.Admitted;
import io.parley.routing.protocol.AttemptReport.Dispatched;
import io.parley.routing.protocol.AttemptReport.Failed;
import io.parley.routing.protocol.AttemptReport.TokenGroup;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * An attempt from its start at the replica until its session has everything: keeps the tokens that
 * are not journaled yet and says what to send. At most one report that wants an answer is out at a
 * time; the tokens come first, then the finish (with the last of them) or the failure. The first
 * group says that it was admitted, too: alone that would cost its session a write. One that owes
 * nothing, since it computes its prompt, says now and then that it runs and whether it was
 * admitted, also for a session that was recovered and does not know.
 *
 * <p>Holds at most as many tokens as the work asks for. Used by the worker's thread alone.
 */
final class RunningAttempt {
  private final Work work;
  private final ActorRef<WorkerMessage> worker;
  private final AttemptBuffer buffer;
  private final WorkerSettings settings;
  private final LoadMeter meter;
  private final long arrivedNanos;

  private Optional<PromptInfo> prompt = Optional.empty();
  private Optional<Finish> finish = Optional.empty();
  private Optional<AttemptBuffer.Failure> failure = Optional.empty();

  /** The answer's index of the first token that is not journaled: {@code tokens} start there. */
  private int journaled;

  private List<Token> tokens = new ArrayList<>();

  /** Tokens to come that the session has already, from another attempt of the same turn. */
  private int skip;

  private Optional<AttemptReport> unanswered = Optional.empty();
  private long sentNanos;
  private Duration resendAfter;
  private long progressNanos;
  private boolean sentAny;
  private boolean saidAdmitted;
  private boolean due;

  RunningAttempt(
      Work work,
      ActorRef<WorkerMessage> worker,
      AttemptBuffer buffer,
      WorkerSettings settings,
      LoadMeter meter,
      long nowNanos) {
    this.work = work;
    this.meter = meter;
    this.arrivedNanos = nowNanos;
    this.worker = worker;
    this.buffer = buffer;
    this.settings = settings;
    this.journaled = work.prefix().size();
    this.resendAfter = settings.resendMin();
    this.progressNanos = nowNanos;
    this.sentNanos = nowNanos;
  }

  AttemptId id() {
    return work.id();
  }

  AttemptBuffer buffer() {
    return buffer;
  }

  /** Whether the replica still works on it, as far as is known. */
  boolean runs() {
    return finish.isEmpty() && failure.isEmpty();
  }

  Optional<FailureCode> failureCode() {
    return failure.map(AttemptBuffer.Failure::code);
  }

  /** Looks at what the replica said. */
  void look(long nowNanos) {
    if (runs()) {
      take(buffer.drain(), nowNanos);
    }
  }

  /** Ends it from outside, after what the replica said so far; no effect when it ended already. */
  void fail(FailureCode code, String message, long nowNanos) {
    if (runs()) {
      take(buffer.close(), nowNanos);
    }
    if (runs()) {
      failure = Optional.of(new AttemptBuffer.Failure(code, message));
    }
  }

  private void take(AttemptBuffer.Drained drained, long nowNanos) {
    if (!owesAnything()) {
      progressNanos = nowNanos; // the session had nothing to answer until now
    }
    measure(drained, nowNanos);
    int skipped = Math.min(skip, drained.tokens().size());
    skip -= skipped;
    tokens.addAll(drained.tokens().subList(skipped, drained.tokens().size()));
    finish = drained.finish();
    failure = drained.failure();
    prompt = prompt.or(drained::prompt);
  }

  private void measure(AttemptBuffer.Drained drained, long nowNanos) {
    if (drained.prefillNanos().isEmpty()) {
      return;
    }
    meter.firstToken(nowNanos - arrivedNanos);
    drained
        .prompt()
        .or(() -> prompt)
        .ifPresent(
            info ->
                meter.prefilled(
                    info.promptTokens() - info.cachedTokens(), drained.prefillNanos().getAsLong()));
  }

  /** A group interval has passed. */
  void tick() {
    due = true;
  }

  /** What to send now, if anything. */
  Optional<AttemptReport> next(long nowNanos) {
    if (unanswered.isPresent()) {
      long waited = nowNanos - sentNanos;
      if (waited < resendAfter.toNanos()) {
        return Optional.empty();
      }
      Duration twice = resendAfter.multipliedBy(2);
      resendAfter = twice.compareTo(settings.resendMax()) < 0 ? twice : settings.resendMax();
      sentNanos = nowNanos;
      return unanswered;
    }
    if (!saidAdmitted && brokeTheEngine()) {
      return Optional.of(admission());
    }
    boolean now = due || !sentAny || !runs();
    if (!now || !owesAnything()) {
      return signOfLife(nowNanos);
    }
    unanswered = Optional.of(make());
    sentAny = true;
    due = false;
    sentNanos = nowNanos;
    resendAfter = settings.resendMin();
    return unanswered;
  }

  /** What is unanswered, or a sign of life, is due now. */
  void sendAgain(long nowNanos) {
    resendAfter = settings.resendMin();
    sentNanos = nowNanos - resendAfter.toNanos();
  }

  private Optional<AttemptReport> signOfLife(long nowNanos) {
    if (!runs() || nowNanos - sentNanos < settings.resendMin().toNanos()) {
      return Optional.empty();
    }
    sentNanos = nowNanos;
    return Optional.of(prompt.isPresent() ? admission() : new Dispatched(id(), worker, true));
  }

  /** The session counts workers that failed at what they had begun; a group would say that. */
  private boolean brokeTheEngine() {
    return prompt.isPresent()
        && tokens.isEmpty()
        && !sentAny
        && failure.filter(end -> end.code() == FailureCode.ENGINE_FAILED).isPresent();
  }

  private Admitted admission() {
    saidAdmitted = true;
    return new Admitted(id(), prompt.orElseThrow(), worker);
  }

  private boolean owesAnything() {
    return !tokens.isEmpty() || !runs();
  }

  private AttemptReport make() {
    // an attempt that failed before it was admitted has no prompt, and no tokens either
    if (failure.isPresent() && (tokens.isEmpty() || prompt.isEmpty())) {
      return new Failed(id(), failure.get().code(), failure.get().message(), Optional.of(worker));
    }
    boolean all = tokens.size() <= settings.groupTokensMax();
    List<Token> group = all ? tokens : tokens.subList(0, settings.groupTokensMax());
    return new TokenGroup(
        id(), prompt.orElseThrow(), journaled, group, all ? finish : Optional.empty(), worker);
  }

  /**
   * The session has journaled everything before {@code nextIndex}. An index that is no news is the
   * answer to a report sent twice, and is ignored.
   */
  void accepted(int nextIndex, long nowNanos) {
    if (nextIndex <= journaled) {
      return;
    }
    int held = Math.min(nextIndex - journaled, tokens.size());
    skip += nextIndex - journaled - held;
    tokens = new ArrayList<>(tokens.subList(held, tokens.size()));
    journaled = nextIndex;
    progressNanos = nowNanos;
    if (!(unanswered.orElse(null) instanceof Failed)) {
      unanswered = Optional.empty();
    }
  }

  /** Whether its session owes an answer for too long. */
  boolean isStale(long nowNanos) {
    return owesAnything() && nowNanos - progressNanos > settings.unacknowledgedTimeout().toNanos();
  }
}
