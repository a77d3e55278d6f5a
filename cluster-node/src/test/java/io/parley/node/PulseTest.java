package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class PulseTest {
  private final AtomicLong nanos = new AtomicLong(5);
  private final AtomicBoolean alone = new AtomicBoolean();
  private final List<Duration> lost = new ArrayList<>();
  private final Pulse pulse = new Pulse(Duration.ofSeconds(6), alone::get, nanos::get);

  @Test
  void aNodeThatStandsStillBrieflyGoesOn() {
    pass(Duration.ofMillis(5999));
    assertThat(pulse.mayWrite()).isTrue();
    assertThat(pulse.beat(lost::add)).isTrue();
    pass(Duration.ofMillis(5999));
    assertThat(pulse.mayWrite()).isTrue();
    assertThat(lost).isEmpty();
  }

  @Test
  void oneThatStoodStillTooLongWritesNoMoreWhoeverLooksFirst() {
    pass(Duration.ofSeconds(6));
    assertThat(pulse.mayWrite()).as("before its thread has noticed").isFalse();
    assertThat(pulse.beat(lost::add)).isFalse();
    assertThat(lost).containsExactly(Duration.ofSeconds(6));
    assertThat(pulse.mayWrite()).as("for ever").isFalse();
  }

  @Test
  void oneWithoutOthersHasLostNothing() {
    alone.set(true);
    pass(Duration.ofMinutes(1));
    assertThat(pulse.mayWrite()).isTrue();
    assertThat(pulse.beat(lost::add)).isTrue();
    alone.set(false);
    assertThat(pulse.mayWrite()).isTrue();
    assertThat(lost).isEmpty();
  }

  @Test
  void theLimitIsBelowTheTimeInWhichANodeIsGivenUp() {
    assertThat(
            Pulse.limit(
                ConfigFactory.parseString(
                    """
                    akka.cluster {
                      failure-detector.acceptable-heartbeat-pause = 2s
                      split-brain-resolver.stable-after = 3s
                      down-removal-margin = 2s
                    }""")))
        .isEqualTo(Duration.ofSeconds(6));
  }

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
  }
}
