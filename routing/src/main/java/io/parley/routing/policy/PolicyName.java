package io.parley.routing.policy;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The policies, by the names that the configuration knows them by. */
public enum PolicyName {
  AFFINITY,
  ROUND_ROBIN,
  WEIGHTED,
  LEAST_LOADED,
  LEAST_LATENCY,
  HASH;

  /** A policy for one model of one dispatcher. */
  public RoutingPolicy policy(AffinitySettings settings) {
    return switch (this) {
      case AFFINITY -> new AffinityPolicy(settings);
      case ROUND_ROBIN -> new RoundRobinPolicy();
      case WEIGHTED -> new WeightedPolicy();
      case LEAST_LOADED -> new LeastLoadedPolicy();
      case LEAST_LATENCY -> new LeastLatencyPolicy();
      case HASH -> new HashPolicy(settings.waitMax());
    };
  }

  /** Finds a policy by what {@link #toString} gives, such as {@code round-robin}. */
  public static Optional<PolicyName> find(String name) {
    return Arrays.stream(values()).filter(policy -> policy.toString().equals(name)).findFirst();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
