package io.parley.node.audit.reproduce;

import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.SessionId;
import io.parley.workers.reproduce.AttemptReport;
import io.parley.workers.reproduce.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What came of a turn.
 *
 * @param tokens of its answer
 * @param variants of its attempts, as recorded
 * @param attempts that brought something, in their order
 */
public record TurnReport(
    SessionId session,
    int turn,
    int tokens,
    List<ModelId> models,
    List<String> variants,
    List<AttemptReport> attempts) {
  /** The worst that any of its attempts came to. */
  public enum Outcome {
    /** Everything is what the model gives, to the last bit. */
    EXACT,
    /** On another variant: everything is within the tolerance. */
    NEAR,
    /** It left neither tokens nor an end of the model's making. */
    NOTHING,
    /** It could not be computed here. */
    UNKNOWN,
    /** Something recorded is not what the model gives. */
    DIFFERS;

    /** In small letters, as reports have it. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public TurnReport {
    models = List.copyOf(models);
    variants = List.copyOf(variants);
    attempts = List.copyOf(attempts);
  }

  static TurnReport of(RecordedTurn turn, List<AttemptReport> reports) {
    return new TurnReport(
        turn.session(),
        turn.number(),
        turn.tokens(),
        turn.attempts().stream().map(a -> a.prompt().model()).distinct().toList(),
        turn.attempts().stream().map(a -> a.prompt().variant()).distinct().toList(),
        reports);
  }

  public Outcome outcome() {
    Outcome worst = attempts.isEmpty() ? Outcome.NOTHING : Outcome.EXACT;
    for (AttemptReport attempt : attempts) {
      Outcome outcome = outcome(attempt.verdict());
      worst = outcome.compareTo(worst) > 0 ? outcome : worst;
    }
    return worst;
  }

  private static Outcome outcome(Verdict verdict) {
    if (verdict instanceof Verdict.Exact) {
      return Outcome.EXACT;
    }
    if (verdict instanceof Verdict.Near) {
      return Outcome.NEAR;
    }
    return verdict instanceof Verdict.Unknown ? Outcome.UNKNOWN : Outcome.DIFFERS;
  }

  /** What is to be said of its attempts beside the outcome, without any text of the answer. */
  public List<String> remarks() {
    List<String> remarks = new ArrayList<>();
    for (AttemptReport attempt : attempts) {
      Verdict verdict = attempt.verdict();
      if (verdict instanceof Verdict.Differs differs) {
        remarks.add(
            "at token %d, %s: %s"
                .formatted(
                    differs.first().index(), differs.first().label(), differs.first().message()));
      } else if (verdict instanceof Verdict.Unknown unknown) {
        remarks.add(unknown.message());
      } else if (verdict instanceof Verdict.Near near) {
        remarks.add(
            String.format(
                Locale.ROOT,
                "%d tokens would be others here; log-probabilities differ by %.4f at the most",
                near.otherTokens(),
                near.widestLogProb()));
        near.cut().ifPresent(remarks::add);
      } else if (verdict instanceof Verdict.Exact exact) {
        exact.cut().ifPresent(remarks::add);
      }
    }
    return remarks;
  }
}
