package io.parley.node.chaos;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * What a run showed.
 *
 * @param leftOut kinds that this machine does not allow
 * @param unproven rounds, by kind, that proved nothing although they were tried again
 */
public record ChaosReport(
    long seed,
    int nodes,
    int faults,
    double seconds,
    List<Kind> kinds,
    List<String> leftOut,
    Checked checked,
    Map<Violation.Check, Integer> broken,
    List<String> violations,
    List<String> unproven,
    String folder) {

  /**
   * How much was compared with the journal.
   *
   * @param lateRows rows that are no events: their writer had been given up, and told nobody
   */
  public record Checked(int sessions, int turns, long tokens, int lateRows) {}

  /** p50, p99 and maximum, in milliseconds. */
  public record Spread(int count, double p50, double p99, double max) {
    static Spread of(double[] values) {
      double[] sorted = values.clone();
      Arrays.sort(sorted);
      return sorted.length == 0
          ? new Spread(0, 0, 0, 0)
          : new Spread(
              sorted.length, rank(sorted, 0.50), rank(sorted, 0.99), sorted[sorted.length - 1]);
    }

    private static double rank(double[] sorted, double share) {
      return sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)];
    }

    private String row() {
      return count == 0 ? "-" : String.format(Locale.ROOT, "%.0f / %.0f / %.0f", p50, p99, max);
    }
  }

  /**
   * One kind of fault.
   *
   * @param gap the longest pause of each stream that it touched
   * @param aboveUsual the same, less the stream's usual pause
   * @param recovery from the fault to the end of that pause; of faults that touch no stream, what
   *     the operator's guide says
   * @param computedAgain tokens that new attempts went through again, at most, of all streams
   */
  public record Kind(
      String kind,
      int faults,
      int empty,
      int streams,
      Spread gap,
      Spread aboveUsual,
      Spread recovery,
      int newAttempts,
      long computedAgain,
      List<String> notes) {
    static Kind of(String kind, List<FaultResult> results) {
      List<FaultResult.Stream> streams =
          results.stream().flatMap(result -> result.streams().stream()).toList();
      List<Double> recoveries = new ArrayList<>();
      for (FaultResult result : results) {
        if (result.recoveryMillis().isPresent()) {
          recoveries.add(result.recoveryMillis().getAsDouble());
        } else {
          result.streams().forEach(stream -> recoveries.add(stream.gap().recoveryMillis()));
        }
      }
      return new Kind(
          kind,
          (int) results.stream().filter(FaultResult::provesSomething).count(),
          (int) results.stream().filter(result -> !result.provesSomething()).count(),
          streams.size(),
          spread(streams, stream -> stream.gap().pauseMillis()),
          spread(streams, stream -> stream.gap().aboveUsualMillis()),
          Spread.of(recoveries.stream().mapToDouble(Double::doubleValue).toArray()),
          streams.stream().mapToInt(FaultResult.Stream::attempts).sum(),
          streams.stream().mapToLong(FaultResult.Stream::computedAgain).sum(),
          results.stream().map(FaultResult::notes).filter(note -> !note.isEmpty()).toList());
    }

    private static Spread spread(
        List<FaultResult.Stream> streams, ToDoubleFunction<FaultResult.Stream> what) {
      return Spread.of(streams.stream().mapToDouble(what).toArray());
    }
  }

  static ChaosReport of(
      ChaosPlan plan,
      double seconds,
      List<FaultResult> results,
      List<String> leftOut,
      Checked checked,
      List<Violation> violations,
      List<String> unproven,
      String folder) {
    Map<String, List<FaultResult>> byKind = new LinkedHashMap<>();
    for (String name : Faults.names()) {
      List<FaultResult> of = results.stream().filter(each -> each.kind().equals(name)).toList();
      if (!of.isEmpty()) {
        byKind.put(name, of);
      }
    }
    Map<Violation.Check, Integer> broken = new EnumMap<>(Violation.Check.class);
    violations.forEach(violation -> broken.merge(violation.check(), 1, Integer::sum));
    return new ChaosReport(
        plan.seed(),
        plan.nodes(),
        (int) results.stream().filter(FaultResult::provesSomething).count(),
        seconds,
        byKind.entrySet().stream().map(e -> Kind.of(e.getKey(), e.getValue())).toList(),
        leftOut,
        checked,
        broken,
        violations.stream().map(Violation::toString).toList(),
        unproven,
        folder);
  }

  /** The same of a run that left nothing. */
  ChaosReport inNoFolder() {
    return new ChaosReport(
        seed, nodes, faults, seconds, kinds, leftOut, checked, broken, violations, unproven, "");
  }

  /** Whether every promise was kept, and every round proved something. */
  public boolean isSound() {
    return violations.isEmpty() && unproven.isEmpty() && faults > 0;
  }

  /** For people. */
  public String table() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%-19s %6s %5s  %-23s %-23s %-23s %8s %8s%n",
            "fault",
            "count",
            "cut",
            "pause p50/p99/max ms",
            "above the usual",
            "recovery p50/p99/max",
            "attempts",
            "tokens"));
    for (Kind kind : kinds) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-19s %6d %5d  %-23s %-23s %-23s %8d %8d%n",
              kind.kind(),
              kind.faults(),
              kind.streams(),
              kind.gap().row(),
              kind.aboveUsual().row(),
              kind.recovery().row(),
              kind.newAttempts(),
              kind.computedAgain()));
    }
    text.append(
        String.format(
            Locale.ROOT,
            "%d faults on %d nodes in %.0f s, seed %d; %d sessions, %d turns, %d tokens compared with"
                + " the journal (%d late rows in it): ",
            faults,
            nodes,
            seconds,
            seed,
            checked.sessions(),
            checked.turns(),
            checked.tokens(),
            checked.lateRows()));
    text.append(violations.isEmpty() ? "no promise broken" : "broken: " + broken);
    text.append(System.lineSeparator());
    violations.forEach(line -> text.append("  ").append(line).append(System.lineSeparator()));
    if (!unproven.isEmpty()) {
      text.append("proved nothing: ").append(unproven).append(System.lineSeparator());
    }
    if (!leftOut.isEmpty()) {
      text.append("left out, this machine does not allow it: ")
          .append(String.join(", ", leftOut))
          .append(System.lineSeparator());
    }
    if (!folder.isEmpty()) {
      text.append("history: ").append(folder).append(System.lineSeparator());
    }
    return text.toString();
  }
}
