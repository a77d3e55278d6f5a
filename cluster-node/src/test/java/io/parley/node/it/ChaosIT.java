package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.chaos.ChaosBench;
import io.parley.node.chaos.ChaosPlan;
import io.parley.node.chaos.ChaosReport;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The chaos bench itself, with the kinds of faults that are mended soon. */
class ChaosIT {
  private final long seed = Long.getLong("parley.it.seed", new SecureRandom().nextInt(1 << 30));

  @TempDir private Path folder;

  @Test
  void keepsItsPromisesWhateverDies() throws InterruptedException, IOException {
    ChaosPlan plan =
        new ChaosPlan(
            seed,
            4,
            Optional.empty(),
            List.of("kill-owner", "kill-edge", "same-key", "disconnect-decode"),
            ChaosPlan.NODES_MIN,
            6,
            Duration.ofSeconds(10),
            Duration.ofSeconds(10),
            Optional.of(folder));

    try (ChaosBench bench = new ChaosBench(plan, line -> System.out.println(line))) {
      ChaosReport report = bench.run();

      System.out.println(report.table());
      assertThat(report.violations()).as("broken promises, with seed %s", seed).isEmpty();
      assertThat(report.unproven()).as("rounds that prove nothing, with seed %s", seed).isEmpty();
      assertThat(report.faults()).isEqualTo(4);
      assertThat(report.checked().tokens()).isPositive();
    }
  }
}
