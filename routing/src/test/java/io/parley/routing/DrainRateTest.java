package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class DrainRateTest {
  private static final long SECOND = Duration.ofSeconds(1).toNanos();

  @Test
  void followsTheTimeBetweenHandOuts() {
    DrainRate rate = new DrainRate();
    rate.startWaiting(0);
    for (int i = 1; i <= 50; i++) {
      rate.handedOut(i * SECOND);
    }

    assertThat(rate.timeFor(10, 50 * SECOND)).isEqualTo(Duration.ofSeconds(10));
  }

  @Test
  void growsWhileNothingMoves() {
    DrainRate rate = new DrainRate();
    rate.startWaiting(0);

    assertThat(rate.timeFor(2, 5 * SECOND)).isEqualTo(Duration.ofSeconds(10));
    assertThat(rate.timeFor(1_000_000, 5 * SECOND)).isEqualTo(Duration.ofDays(1));
  }
}
