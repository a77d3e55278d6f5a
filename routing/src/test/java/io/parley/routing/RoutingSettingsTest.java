package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.time.Duration;
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
                Duration.ofMillis(500)));
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
  })
  void aWrongValueIsNamed(String key, String value) {
    Config config =
        DEFAULTS.withValue("parley.routing." + key, ConfigValueFactory.fromAnyRef(value));

    assertThatThrownBy(() -> RoutingSettings.from(config))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.routing." + key + " must be");
  }
}
