package io.parley.node.cli;

import io.parley.node.audit.reproduce.Summary;
import io.parley.node.audit.reproduce.TurnReport;
import io.parley.node.audit.reproduce.TurnReport.Outcome;
import io.parley.node.http.Ids;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.SessionId;
import io.parley.workers.reproduce.TokenReport;
import java.util.Locale;

/** Prints a run of {@code parley audit reproduce} for people. */
final class ReproduceText implements ReproducePrinter {
  private final boolean quiet;

  /**
   * @param quiet of many turns, only those that need a look
   */
  ReproduceText(boolean quiet) {
    this.quiet = quiet;
  }

  @Override
  public void turn(TurnReport report) {
    if (quiet && report.outcome() == Outcome.EXACT) {
      return;
    }
    System.out.printf(
        Locale.ROOT,
        "%s turn %d: %s, %d tokens%s%n",
        Ids.session(report.session()),
        report.turn(),
        label(report.outcome()),
        report.tokens(),
        report.variants().isEmpty() ? "" : ", " + String.join(" and ", report.variants()));
    report.remarks().forEach(remark -> System.out.println("  " + remark));
  }

  private static String label(Outcome outcome) {
    return switch (outcome) {
      case EXACT -> "exact";
      case NEAR -> "within the tolerance";
      case NOTHING -> "nothing to compute again";
      case UNKNOWN -> "cannot be computed again";
      case DIFFERS -> "DIFFERS";
    };
  }

  @Override
  public void problem(SessionId session, String message) {
    System.out.println(Ids.session(session) + ": " + message);
  }

  @Override
  public void model(ModelId model, String recordedVariant, String variantHere) {
    System.out.println(
        model
            + ", "
            + variantHere
            + (recordedVariant.equals(variantHere)
                ? ""
                : " (recorded: " + recordedVariant + "; compared within a tolerance)"));
  }

  @Override
  public synchronized void token(TokenReport token) {
    System.out.printf(
        Locale.ROOT,
        "  %s turn %d token %5d: %6d %s, log-probability %.4f%n",
        Ids.session(token.attempt().session()),
        token.attempt().turn(),
        token.index(),
        token.recorded(),
        token.exact() ? "exact" : "other than drawn: " + token.drawn(),
        token.logProb());
  }

  @Override
  public void summary(Summary summary) {
    System.out.printf(
        Locale.ROOT,
        "%d turns of %d tokens: %d exact, %d within the tolerance, %d differ, %d cannot be computed"
            + " again, %d left nothing; %d problems%n",
        summary.turns(),
        summary.tokens(),
        summary.turns(Outcome.EXACT),
        summary.turns(Outcome.NEAR),
        summary.turns(Outcome.DIFFERS),
        summary.turns(Outcome.UNKNOWN),
        summary.turns(Outcome.NOTHING),
        summary.problems());
    System.out.printf(
        Locale.ROOT,
        "%d tokens again in %.2f s, %.0f a second (%d computed, prompts included)%n",
        summary.tokensAgain(),
        summary.seconds(),
        summary.tokensPerSecond(),
        summary.tokensComputed());
  }
}
