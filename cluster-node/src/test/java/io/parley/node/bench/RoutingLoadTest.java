package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.NodeConfig;
import io.parley.node.bench.RoutingLoad.Figures;
import io.parley.node.bench.RoutingLoad.Load;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class RoutingLoadTest {
  @Test
  void worksOfAFullLoadFindAllSlotsAndNoneIsLost() {
    try (RoutingLoad load = new RoutingLoad(NodeConfig.load(Optional.empty(), Map.of()), 3, 2)) {
      Figures figures = load.measure(Load.FULL, 1);

      assertThat(figures.failed()).isZero();
      assertThat(figures.waited().samples()).isPositive();
      assertThat(figures.waited().p50Millis()).isPositive();
      assertThat(figures.slotsTaken()).isBetween(0.3, 1.7);
    }
  }
}
