package io.parley.routing;

import com.typesafe.config.Config;
import io.parley.routing.policy.AffinitySettings;
import io.parley.routing.policy.PolicyName;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.TenantId;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code parley.routing} of the configuration; the keys are explained in {@code reference.conf}.
 *
 * @param queueCapacity works that wait for one model
 * @param modelsMax models that have a queue at once
 * @param bulkPatience how much later an interactive work may come and still go before a bulk one
 * @param prefetch works in a stream's buffer on the worker's side
 * @param sweepInterval how often deadlines are looked at
 * @param recentAttempts attempts remembered after they were handed out
 * @param describeInterval how often a new worker is asked what it serves until it answers
 * @param policy who gets a work, of models that {@code policies} does not name
 * @param policies the policies of models, by name or {@code name@version}
 * @param affinity what the policies {@code affinity} and {@code hash} go by
 * @param lookahead works that are looked at behind one that waits for a certain worker
 * @param tenantWeights the turns and shares of tenants; 1 for one that is not named
 * @param workerSilence after which a worker is taken for stalled
 */
public record RoutingSettings(
    int queueCapacity,
    int modelsMax,
    Duration bulkPatience,
    int prefetch,
    Duration sweepInterval,
    Duration retryAfterMin,
    Duration retryAfterMax,
    int recentAttempts,
    Duration describeInterval,
    PolicyName policy,
    Map<String, PolicyName> policies,
    AffinitySettings affinity,
    int lookahead,
    Map<String, Double> tenantWeights,
    Duration workerSilence,
    Duration forgetModelAfter) {
  private static final SettingsSection SECTION = new SettingsSection("parley.routing");

  public RoutingSettings {
    SECTION.requireBetween("queue-capacity", queueCapacity, 1, 100_000);
    SECTION.requireBetween("models-max", modelsMax, 1, 10_000);
    SECTION.requireBetween("prefetch", prefetch, 1, 64);
    SECTION.requireBetween("recent-attempts", recentAttempts, 1, 1_000_000);
    SECTION.requirePositive("sweep-interval", sweepInterval);
    SECTION.requirePositive("retry-after-min", retryAfterMin);
    SECTION.requirePositive("describe-interval", describeInterval);
    SECTION.requireNotNegative("bulk-patience", bulkPatience);
    SECTION.requireAtLeast("retry-after-max", retryAfterMax, "retry-after-min", retryAfterMin);
    SECTION.requireNotNegative("affinity.wait-max", affinity.waitMax());
    SECTION.requireNumberBetween("affinity.load-gap", affinity.loadGap(), 0.0, 1.0);
    SECTION.requireBetween(
        "affinity.prefill-rate", affinity.prefillTokensPerSecond(), 1, 100_000_000);
    SECTION.requireBetween("affinity.prefixes-max", affinity.prefixesMax(), 1, 10_000_000);
    SECTION.requireBetween("lookahead", lookahead, 0, 10_000);
    tenantWeights.forEach(
        (tenant, weight) ->
            SECTION.requireNumberBetween("tenant-weights." + tenant, weight, 0.001, 1000.0));
    SECTION.requireAtLeast("worker-silence", workerSilence, "1s", Duration.ofSeconds(1));
    SECTION.requireNotNegative("forget-model-after", forgetModelAfter);
    policies = Map.copyOf(policies);
    tenantWeights = Map.copyOf(tenantWeights);
  }

  /** Who gets a work of this model. */
  public PolicyName policy(ModelId model) {
    PolicyName ofVersion = policies.get(model.toString());
    return ofVersion != null ? ofVersion : policies.getOrDefault(model.name(), policy);
  }

  /** How many turns this tenant gets where another gets one. */
  public double tenantWeight(TenantId tenant) {
    return tenantWeights.getOrDefault(tenant.value(), 1.0);
  }

  /**
   * Reads {@code parley.routing}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static RoutingSettings from(Config root) {
    return new RoutingSettings(
        SECTION.integer(root, "queue-capacity"),
        SECTION.integer(root, "models-max"),
        SECTION.duration(root, "bulk-patience"),
        SECTION.integer(root, "prefetch"),
        SECTION.duration(root, "sweep-interval"),
        SECTION.duration(root, "retry-after-min"),
        SECTION.duration(root, "retry-after-max"),
        SECTION.integer(root, "recent-attempts"),
        SECTION.duration(root, "describe-interval"),
        policy("policy", SECTION.text(root, "policy")),
        policies(root),
        new AffinitySettings(
            SECTION.duration(root, "affinity.wait-max"),
            SECTION.number(root, "affinity.load-gap"),
            SECTION.integer(root, "affinity.prefill-rate"),
            SECTION.integer(root, "affinity.prefixes-max")),
        SECTION.integer(root, "lookahead"),
        tenantWeights(root),
        SECTION.duration(root, "worker-silence"),
        SECTION.duration(root, "forget-model-after"));
  }

  private static Map<String, PolicyName> policies(Config root) {
    Map<String, PolicyName> policies = new TreeMap<>();
    SECTION
        .object(root, "policies")
        .forEach(
            (model, policy) ->
                policies.put(
                    model, policy("policies." + model, String.valueOf(policy.unwrapped()))));
    return policies;
  }

  private static PolicyName policy(String key, String name) {
    return PolicyName.find(name)
        .orElseThrow(
            () -> SECTION.bad(key, "one of " + Arrays.toString(PolicyName.values()), name));
  }

  private static Map<String, Double> tenantWeights(Config root) {
    Map<String, Double> weights = new TreeMap<>();
    SECTION
        .object(root, "tenant-weights")
        .forEach(
            (tenant, weight) -> {
              if (!(weight.unwrapped() instanceof Number number)) {
                throw SECTION.bad("tenant-weights." + tenant, "a number", weight.unwrapped());
              }
              weights.put(tenant, number.doubleValue());
            });
    return weights;
  }
}
