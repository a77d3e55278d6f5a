package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.RoutingSimulation.Figures;
import io.parley.routing.RoutingSimulation.Load;
import io.parley.routing.policy.PolicyName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the policies are for, in virtual time: the figures depend on the seed alone. */
class PolicySimulationTest {
  private static final long SEED = 7;

  @Test
  void affinityFindsConversationsInTheCacheWhenCapacityAllows() {
    Figures affinity = run(PolicyComparison.CAPACITY_ALLOWS, PolicyName.AFFINITY);
    Figures leastLoaded = run(PolicyComparison.CAPACITY_ALLOWS, PolicyName.LEAST_LOADED);

    assertThat(affinity.hitRate()).isGreaterThan(0.95);
    assertThat(leastLoaded.hitRate()).isLessThan(0.5);
    assertThat(affinity.firstTokenP50Millis()).isLessThan(leastLoaded.firstTokenP50Millis());
  }

  @Test
  void affinityIsNeverSlowerThanLeastLoadedUnderSkew() {
    for (Load load : new Load[] {PolicyComparison.SKEW, PolicyComparison.SLOW_WORKER}) {
      Figures affinity = run(load, PolicyName.AFFINITY);
      Figures leastLoaded = run(load, PolicyName.LEAST_LOADED);

      assertThat(affinity.tokensPerSecond()).isGreaterThanOrEqualTo(leastLoaded.tokensPerSecond());
    }
  }

  @Test
  void aBeginningThatAllShareDoesNotPileUpOnOneWorker() {
    Figures figures = run(PolicyComparison.SHARED_BEGINNING, PolicyName.AFFINITY);

    assertThat(figures.hitRate()).isGreaterThan(0.95);
    assertThat(figures.busyMost() - figures.busyLeast()).isLessThan(0.1);
    assertThat(figures.idleWhileWaiting()).isLessThan(0.01);
  }

  @ParameterizedTest
  @EnumSource(PolicyName.class)
  void eachPolicyKeepsTheWorkersBusyWhenThereIsMoreThanEnough(PolicyName policy) {
    Load more = new Load(4, 16, 200, 10, 0, 400_000, 1, 0, 60);

    assertThat(run(more, policy).busyLeast()).isGreaterThan(0.97);
  }

  private static Figures run(Load load, PolicyName policy) {
    return RoutingSimulation.run(load, policy, SEED);
  }
}
