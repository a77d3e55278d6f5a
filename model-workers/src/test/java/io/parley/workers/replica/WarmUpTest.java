package io.parley.workers.replica;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class WarmUpTest {
  private static final ModelInfo MODEL =
      new ModelInfo(new ModelId("fake", "1"), 2048, 1, "tests", "Apache-2.0");

  @Test
  void runsALongPromptAloneThenSeveralAtOnce() throws InterruptedException {
    try (SimulatedReplica replica =
        new SimulatedReplica(SimulatedReplica.Settings.unlimited(MODEL, 4))) {
      assertThat(WarmUp.run(replica, Duration.ofMinutes(1))).isEqualTo(1 + 4);
    }
  }

  @Test
  void cancelsWhatDoesNotEndInTime() throws InterruptedException {
    SimulatedReplica.Settings slow =
        SimulatedReplica.Settings.unlimited(MODEL, 4).withTokensPerSecond(0.01);
    try (SimulatedReplica replica = new SimulatedReplica(slow)) {
      assertThat(WarmUp.run(replica, Duration.ofMillis(20))).isZero();
    }
  }
}
