package io.parley.routing;

import io.parley.routing.RoutingSimulation.Figures;
import io.parley.routing.RoutingSimulation.Load;
import io.parley.routing.policy.PolicyName;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Prints how the routing policies do under the same loads, in virtual time over simulated workers.
 * A program to be run by hand; it asserts nothing.
 */
final class PolicyComparison {
  /** Conversations whose caches fit, at about 60 % of what the workers can do. */
  static final Load CAPACITY_ALLOWS = new Load(4, 16, 160, 6_000, 0, 400_000, 1, 0, 300);

  /** The same with a beginning of 1,500 tokens that all conversations share. */
  static final Load SHARED_BEGINNING = new Load(4, 16, 160, 6_000, 1_500, 600_000, 1, 0, 300);

  /** More than the workers can do, a few users with long conversations that never pause. */
  static final Load SKEW = new Load(4, 16, 110, 500, 0, 400_000, 1, 12, 300);

  /** The same, one of the workers half as fast. */
  static final Load SLOW_WORKER = new Load(4, 16, 110, 500, 0, 400_000, 2, 12, 300);

  private PolicyComparison() {}

  static Map<String, Load> loads() {
    Map<String, Load> loads = new LinkedHashMap<>();
    loads.put("capacity allows", CAPACITY_ALLOWS);
    loads.put("shared beginning", SHARED_BEGINNING);
    loads.put("skew", SKEW);
    loads.put("skew, one slow worker", SLOW_WORKER);
    return loads;
  }

  public static void main(String[] args) {
    loads()
        .forEach(
            (name, load) -> {
              System.out.println(name + ": " + load);
              System.out.println(
                  "policy         hits  TTFT p50/p99 ms  queue p99 ms  turns/s  tokens/s  busy"
                      + " least/most  idle while waiting");
              for (PolicyName policy : PolicyName.values()) {
                print(policy, RoutingSimulation.run(load, policy, 1));
              }
            });
  }

  private static void print(PolicyName policy, Figures f) {
    System.out.printf(
        "%-13s %5.1f%%  %7.0f /%7.0f  %12.0f  %7.1f  %8.0f  %8.2f /%5.2f  %17.2f%%%n",
        policy,
        100 * f.hitRate(),
        f.firstTokenP50Millis(),
        f.firstTokenP99Millis(),
        f.queueP99Millis(),
        f.turnsPerSecond(),
        f.tokensPerSecond(),
        f.busyLeast(),
        f.busyMost(),
        100 * f.idleWhileWaiting());
  }
}
