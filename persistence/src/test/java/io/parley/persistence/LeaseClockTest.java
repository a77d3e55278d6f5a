package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LeaseClockTest {
  private static final Duration TTL = Duration.ofMinutes(5);

  /** A slow renewal. */
  private static final Duration STORED = Duration.ofSeconds(1);

  /** One that hangs until the request's time-out. */
  private static final Duration FAILED = Duration.ofSeconds(12);

  @ParameterizedTest
  @ValueSource(longs = {0, Long.MAX_VALUE - 1000})
  void isHeldForItsTimeFromWhenTheWriteBegan(long taken) {
    LeaseClock clock = new LeaseClock(TTL, taken);

    assertThat(clock.left(taken + 5)).isEqualTo(TTL.minusNanos(5));
    clock.renewed(taken + 2000);
    clock.renewed(taken + 1000); // its answer came later
    assertThat(clock.left(taken + 2005)).isEqualTo(TTL.minusNanos(5));
    assertThat(clock.left(taken + 2000 + TTL.toNanos())).isZero();
  }

  @Test
  void anOutageOfTwoThirdsOfItsTimeIsOutlivedWheneverItBegins() {
    for (int begin = 1; begin < TTL.toSeconds(); begin++) {
      Duration from = Duration.ofSeconds(begin);
      assertThat(isHeldAfter(from, from.plus(TTL.multipliedBy(2).dividedBy(3))))
          .as("away from second %s", begin)
          .isTrue();
    }
  }

  @Test
  void anOutageOfItsWholeTimeIsALossWheneverItBegins() {
    for (int begin = 1; begin < TTL.toSeconds(); begin++) {
      Duration from = Duration.ofSeconds(begin);
      assertThat(isHeldAfter(from, from.plus(TTL))).as("away from second %s", begin).isFalse();
    }
  }

  /** Whether a lease that is taken at 0 is held until it is renewed after an outage. */
  private static boolean isHeldAfter(Duration from, Duration to) {
    LeaseClock clock = new LeaseClock(TTL, 0);
    Duration now = clock.period();
    while (true) {
      boolean stored = now.plus(STORED).compareTo(from) < 0 || now.compareTo(to) > 0;
      Duration end = now.plus(stored ? STORED : FAILED);
      if (clock.left(end.toNanos()).compareTo(Duration.ZERO) <= 0) {
        return false;
      }
      if (stored) {
        clock.renewed(now.toNanos());
        if (now.compareTo(to) > 0) {
          return true;
        }
      }
      now = end.plus(stored ? clock.period() : clock.pauseAfterFailure());
    }
  }
}
