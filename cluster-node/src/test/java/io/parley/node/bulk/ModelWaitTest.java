package io.parley.node.bulk;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class ModelWaitTest {
  /** Stands still until it is told. */
  static final class SetClock extends Clock {
    private Instant now = Instant.EPOCH;

    void add(Duration time) {
      now = now.plus(time);
    }

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      throw new UnsupportedOperationException();
    }
  }

  private final SetClock clock = new SetClock();
  private final ModelWait models = new ModelWait(Duration.ofSeconds(60), clock);

  @Test
  void aModelThatNeverWasIsWaitedForAfterTheStartAlone() {
    clock.add(Duration.ofSeconds(59));
    assertThat(models.mayComeBack("a")).isTrue();
    clock.add(Duration.ofSeconds(1));
    assertThat(models.mayComeBack("a")).isFalse();
  }

  @Test
  void aModelThatWasServedIsWaitedForSinceThen() {
    clock.add(Duration.ofHours(1));
    models.seen("a");
    clock.add(Duration.ofSeconds(59));
    assertThat(models.mayComeBack("a")).isTrue();
    assertThat(models.mayComeBack("b")).isFalse();
    clock.add(Duration.ofSeconds(1));
    assertThat(models.mayComeBack("a")).isFalse();
  }
}
