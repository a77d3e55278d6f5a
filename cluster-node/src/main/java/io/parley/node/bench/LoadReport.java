package io.parley.node.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * The figures of one run.
 *
 * @param tokensPerSecond completion tokens of all users over the wall time
 * @param firstToken time to first token of first turns
 * @param followUpFirstToken the same of later turns
 * @param interToken time between two pieces of streamed text
 * @param perToken (time after the first token) / (tokens − 1), by turn: a server that sends several
 *     tokens in a piece has long gaps, not slow tokens
 * @param errors messages and how often they came
 */
public record LoadReport(
    int users,
    int turns,
    int completedTurns,
    long completionTokens,
    double seconds,
    double tokensPerSecond,
    Percentiles firstToken,
    Percentiles followUpFirstToken,
    Percentiles interToken,
    Percentiles perToken,
    Map<String, Integer> errors) {

  /** In milliseconds; all 0 where there is no sample. */
  public record Percentiles(double p50Millis, double p99Millis, int samples) {
    static Percentiles of(List<Long> nanos) {
      if (nanos.isEmpty()) {
        return new Percentiles(0, 0, 0);
      }
      List<Long> sorted = nanos.stream().sorted().toList();
      return new Percentiles(at(sorted, 0.50), at(sorted, 0.99), sorted.size());
    }

    /** Nearest rank. */
    private static double at(List<Long> sorted, double quantile) {
      int rank = (int) Math.ceil(quantile * sorted.size());
      return sorted.get(Math.max(0, rank - 1)) / 1e6;
    }
  }

  static LoadReport of(int users, int turns, List<TurnSample> samples, long wallNanos) {
    long tokens = 0;
    int completed = 0;
    List<Long> gaps = new ArrayList<>();
    List<Long> perToken = new ArrayList<>();
    Map<String, Integer> errors = new TreeMap<>();
    for (TurnSample sample : samples) {
      tokens += sample.tokens();
      gaps.addAll(sample.gapsNanos());
      if (sample.error().isPresent()) {
        errors.merge(sample.error().get(), 1, Integer::sum);
        continue;
      }
      completed++;
      if (sample.tokens() > 1) {
        perToken.add((sample.totalNanos() - sample.firstTokenNanos()) / (sample.tokens() - 1));
      }
    }
    double seconds = wallNanos / 1e9;
    return new LoadReport(
        users,
        turns,
        completed,
        tokens,
        seconds,
        tokens / seconds,
        firstTokens(samples, sample -> sample.turn() == 0),
        firstTokens(samples, sample -> sample.turn() > 0),
        Percentiles.of(gaps),
        Percentiles.of(perToken),
        errors);
  }

  private static Percentiles firstTokens(List<TurnSample> samples, Predicate<TurnSample> which) {
    return Percentiles.of(
        samples.stream()
            .filter(sample -> sample.error().isEmpty())
            .filter(which)
            .map(TurnSample::firstTokenNanos)
            .toList());
  }
}
