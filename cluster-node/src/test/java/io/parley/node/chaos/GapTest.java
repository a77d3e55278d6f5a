package io.parley.node.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.chaos.ChaosReport.Spread;
import io.parley.node.chaos.ObservedTurn.Seen;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class GapTest {
  private static List<Seen> seenAt(long... millis) {
    return LongStream.of(millis)
        .mapToObj(at -> new Seen(at * 1_000_000, at, 1, "a", "id" + at))
        .toList();
  }

  private static long nanos(long millis) {
    return millis * 1_000_000;
  }

  @Test
  void isTheLongestPauseThatEndedBehindTheFault() {
    Gap gap = Gap.of(seenAt(0, 50, 100, 400, 450, 1450, 1500, 1700), nanos(470)).orElseThrow();

    assertThat(gap.pauseMillis()).isEqualTo(1000);
    assertThat(gap.usualMillis()).isEqualTo(50);
    assertThat(gap.aboveUsualMillis()).isEqualTo(950);
    assertThat(gap.recoveryMillis()).isEqualTo(980);
  }

  @Test
  void isNoneOfAStreamThatHadEndedOrNotBegun() {
    assertThat(Gap.of(seenAt(0, 50, 100), nanos(120))).isEmpty();
    assertThat(Gap.of(seenAt(130, 150), nanos(120))).isEmpty();
    assertThat(Gap.of(List.of(), nanos(120))).isEmpty();
  }

  @Test
  void percentilesAreOfTheValuesThemselves() {
    double[] values = LongStream.rangeClosed(1, 200).asDoubleStream().toArray();

    assertThat(Spread.of(values)).isEqualTo(new Spread(200, 100, 198, 200));
    assertThat(Spread.of(new double[] {5})).isEqualTo(new Spread(1, 5, 5, 5));
  }
}
