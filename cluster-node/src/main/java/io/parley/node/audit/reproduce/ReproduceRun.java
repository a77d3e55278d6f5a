package io.parley.node.audit.reproduce;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.SessionId;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.reproduce.AttemptReport;
import io.parley.workers.reproduce.RecordedAttempt;
import io.parley.workers.reproduce.Reproducer;
import io.parley.workers.reproduce.TokenReport;
import io.parley.workers.reproduce.Verdict;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.TokenizerException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;

/**
 * Runs the turns of histories through the models that they name, one model after the other. Reads
 * the histories once to see which these are, and once for each of them; holds one session's events
 * at a time, and turns that are not done.
 */
public final class ReproduceRun {
  private final HistorySource source;
  private final ModelsHere models;
  private final EngineSettings settings;
  private final OptionalInt turn;
  private final boolean everyToken;
  private final Listener listener;
  private final Map<TurnId, Pending> pending = new HashMap<>();
  private final Summary summary = new Summary();

  /** Hears what came of the turns, and of what is no turn. */
  public interface Listener {
    void turn(TurnReport report);

    /** A session whose history is of no use, or has something that does not fit into it. */
    void problem(SessionId session, String message);

    /** A model is loaded, to compute with these kernels. */
    void model(ModelId model, String recordedVariant, String variantHere);

    /** One token, if that was asked for. */
    void token(TokenReport report);
  }

  private record TurnId(SessionId session, int number) {}

  /** What computes an attempt, by its record. */
  private record Target(ModelId model, String variant) {
    static Target of(RecordedAttempt attempt) {
      return new Target(attempt.prompt().model(), attempt.prompt().variant());
    }
  }

  /** A turn whose attempts are not all reported. */
  private static final class Pending {
    private final RecordedTurn turn;
    private final NavigableMap<Integer, AttemptReport> reports = new TreeMap<>();

    Pending(RecordedTurn turn) {
      this.turn = turn;
    }
  }

  /**
   * @param turn the only one of each session that is looked at; empty: all
   * @param everyToken whether the listener hears of each token
   */
  public ReproduceRun(
      HistorySource source,
      ModelsHere models,
      EngineSettings settings,
      OptionalInt turn,
      boolean everyToken,
      Listener listener) {
    this.source = source;
    this.models = models;
    this.settings = settings;
    this.turn = turn;
    this.everyToken = everyToken;
    this.listener = listener;
  }

  /** Runs all of them. */
  public Summary run() {
    for (Target target : targets()) {
      run(target);
    }
    pending
        .keySet()
        .forEach(id -> problem(id.session(), "turn " + id.number() + " changed while it was read"));
    return summary;
  }

  private Set<Target> targets() {
    Set<Target> targets = new LinkedHashSet<>();
    boolean found = false;
    for (Iterator<SessionHistory> all = source.histories(); all.hasNext(); ) {
      SessionHistory history = all.next();
      if (history.lacking().isPresent()) {
        problem(history.id(), history.lacking().get());
        continue;
      }
      RecordedTurns.Replay replay = RecordedTurns.of(history);
      replay
          .unfit()
          .forEach(
              sequence ->
                  problem(history.id(), "event " + sequence + " does not fit into its history"));
      for (RecordedTurn recorded : wanted(replay)) {
        found = true;
        recorded.attempts().forEach(attempt -> targets.add(Target.of(attempt)));
        if (recorded.attempts().isEmpty()) {
          report(TurnReport.of(recorded, List.of()));
        }
      }
      if (turn.isPresent() && wanted(replay).isEmpty()) {
        problem(history.id(), "it has no turn " + turn.getAsInt());
        found = true;
      }
    }
    summary.foundAny = found;
    return targets;
  }

  private List<RecordedTurn> wanted(RecordedTurns.Replay replay) {
    return replay.turns().stream()
        .filter(recorded -> turn.isEmpty() || recorded.number() == turn.getAsInt())
        .toList();
  }

  private void problem(SessionId session, String message) {
    summary.problems++;
    listener.problem(session, message);
  }

  private void run(Target target) {
    Optional<Verdict> verdict = Reproducer.otherEngine(target.variant());
    if (verdict.isPresent()) {
      tellAll(target, verdict.get());
      return;
    }
    try (ReproducibleModel model =
        ReproducibleModel.open(models.find(target.model()), settings, target.variant())) {
      listener.model(target.model(), target.variant(), model.variant());
      run(target, model);
    } catch (ModelStoreException
        | GgufException
        | UnsupportedModelException
        | TokenizerException
        | ChatTemplateException
        | IllegalArgumentException e) {
      tellAll(target, new Verdict.Unknown(Verdict.Reason.NO_MODEL, e.getMessage()));
    }
  }

  private void run(Target target, ReproducibleModel model) {
    long startedNanos = System.nanoTime();
    Reproducer.Stats stats =
        model
            .reproducer(everyToken)
            .run(
                attempts(target),
                new Reproducer.Listener() {
                  @Override
                  public void attempt(AttemptReport report) {
                    tell(report);
                  }

                  @Override
                  public void token(TokenReport report) {
                    listener.token(report);
                  }
                });
    summary.nanos += System.nanoTime() - startedNanos;
    summary.tokensAgain += stats.tokens();
    summary.tokensComputed += stats.computedTokens();
  }

  private void tellAll(Target target, Verdict verdict) {
    attempts(target)
        .forEachRemaining(
            some -> some.forEach(a -> tell(new AttemptReport(a, a.tokens().size(), verdict))));
  }

  /** The target's attempts, a session at a time. */
  private Iterator<List<RecordedAttempt>> attempts(Target target) {
    Iterator<SessionHistory> histories = source.histories();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return histories.hasNext();
      }

      @Override
      public List<RecordedAttempt> next() {
        SessionHistory history = histories.next();
        List<RecordedAttempt> attempts = new ArrayList<>();
        if (history.lacking().isPresent()) {
          return attempts;
        }
        for (RecordedTurn recorded : wanted(RecordedTurns.of(history))) {
          List<RecordedAttempt> ofTarget =
              recorded.attempts().stream().filter(a -> Target.of(a).equals(target)).toList();
          if (!ofTarget.isEmpty()) {
            pending.computeIfAbsent(
                new TurnId(recorded.session(), recorded.number()), id -> new Pending(recorded));
            attempts.addAll(ofTarget);
          }
        }
        return attempts;
      }
    };
  }

  private void tell(AttemptReport report) {
    AttemptId id = report.attempt().work().id();
    TurnId turnId = new TurnId(id.session(), id.turn());
    Pending open = pending.get(turnId);
    if (open == null) {
      return; // it has more attempts than before, and was reported: see run()
    }
    open.reports.put(id.attempt(), report);
    if (open.reports.size() == open.turn.attempts().size()) {
      pending.remove(turnId);
      report(TurnReport.of(open.turn, List.copyOf(open.reports.values())));
    }
  }

  private void report(TurnReport report) {
    summary.add(report);
    listener.turn(report);
  }
}
