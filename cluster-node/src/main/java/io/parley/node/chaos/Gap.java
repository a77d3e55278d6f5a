package io.parley.node.chaos;

import io.parley.node.chaos.ObservedTurn.Seen;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How long a stream stood still because of a fault.
 *
 * @param pauseMillis the longest pause between two parts of the answer that ended behind the fault
 * @param usualMillis the median pause of the same stream before it; 0: it had none
 * @param recoveryMillis from the fault to the end of that pause
 */
record Gap(double pauseMillis, double usualMillis, double recoveryMillis) {

  /**
   * Of one stream.
   *
   * @param seen its parts, in order
   * @param faultNanos when the fault began
   * @return empty when nothing came behind the fault, or nothing before it
   */
  static Optional<Gap> of(List<Seen> seen, long faultNanos) {
    if (seen.isEmpty() || seen.get(0).nanos() - faultNanos > 0) {
      return Optional.empty();
    }
    long longest = -1;
    long end = 0;
    for (int i = 1; i < seen.size(); i++) {
      long pause = seen.get(i).nanos() - seen.get(i - 1).nanos();
      if (seen.get(i).nanos() - faultNanos > 0 && pause > longest) {
        longest = pause;
        end = seen.get(i).nanos();
      }
    }
    return longest < 0
        ? Optional.empty()
        : Optional.of(new Gap(longest / 1e6, usual(seen, faultNanos), (end - faultNanos) / 1e6));
  }

  private static double usual(List<Seen> seen, long faultNanos) {
    long[] before =
        IntStream.range(1, seen.size())
            .filter(i -> seen.get(i).nanos() - faultNanos <= 0)
            .mapToLong(i -> seen.get(i).nanos() - seen.get(i - 1).nanos())
            .sorted()
            .toArray();
    return before.length == 0 ? 0 : before[before.length / 2] / 1e6;
  }

  /** How much of the pause is more than usual. */
  double aboveUsualMillis() {
    return Math.max(0, pauseMillis - usualMillis);
  }
}
