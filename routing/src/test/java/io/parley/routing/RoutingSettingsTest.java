package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import io.parley.routing.policy.AffinitySettings;
import io.parley.routing.policy.PolicyName;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.TenantId;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RoutingSettingsTest {
  private static final Config DEFAULTS = ConfigFactory.load();

  @Test
  void readsTheReferenceConfiguration() {
    assertThat(RoutingSettings.from(DEFAULTS))
        .isEqualTo(
            new RoutingSettings(
                1024,
                64,
                Duration.ofSeconds(30),
                1,
                Duration.ofMillis(200),
                Duration.ofSeconds(1),
                Duration.ofSeconds(60),
                8192,
                Duration.ofMillis(500),
                PolicyName.AFFINITY,
                Map.of(),
                new AffinitySettings(Duration.ofSeconds(1), 0.5, 1000, 65_536),
                32,
                Map.of(),
                Duration.ofSeconds(10),
                Duration.ofSeconds(30)));
  }

  @Test
  void readsPoliciesOfModelsAndWeightsOfTenants() {
    RoutingSettings settings =
        RoutingSettings.from(
            ConfigFactory.parseString(
                    """
                    parley.routing {
                      policy = hash
                      policies { tiny = round-robin, "tiny@2" = weighted }
                      tenant-weights { acme = 4 }
                    }
                    """)
                .withFallback(DEFAULTS));

    assertThat(settings.policy(ModelId.parse("tiny@1"))).isEqualTo(PolicyName.ROUND_ROBIN);
    assertThat(settings.policy(ModelId.parse("tiny@2"))).isEqualTo(PolicyName.WEIGHTED);
    assertThat(settings.policy(ModelId.parse("other@1"))).isEqualTo(PolicyName.HASH);
    assertThat(settings.tenantWeight(new TenantId("acme"))).isEqualTo(4);
    assertThat(settings.tenantWeight(TenantId.DEFAULT)).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "queue-capacity, 0",
    "queue-capacity, many",
    "models-max, 0",
    "bulk-patience, -1s",
    "prefetch, 65",
    "sweep-interval, 0s",
    "retry-after-min, 0s",
    "retry-after-max, 500ms",
    "recent-attempts, 0",
    "describe-interval, soon",
    "policy, random",
    "policies.tiny, random",
    "affinity.wait-max, -1s",
    "affinity.load-gap, 1.5",
    "affinity.prefill-rate, 0",
    "affinity.prefixes-max, 0",
    "lookahead, -1",
    "tenant-weights.acme, 0",
    "tenant-weights.acme, much",
    "worker-silence, 500ms",
  })
  void aWrongValueIsNamed(String key, String value) {
    Config config =
        DEFAULTS.withValue("parley.routing." + key, ConfigValueFactory.fromAnyRef(value));

    assertThatThrownBy(() -> RoutingSettings.from(config))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.routing." + key + " must be");
  }
}
