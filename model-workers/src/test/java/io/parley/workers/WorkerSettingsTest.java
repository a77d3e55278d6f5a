package io.parley.workers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorkerSettingsTest {
  private static final Config DEFAULTS = ConfigFactory.load();

  @Test
  void readsTheReferenceConfiguration() {
    WorkerSettings settings = WorkerSettings.from(DEFAULTS);

    assertThat(settings.groupInterval()).isEqualTo(Duration.ofMillis(50));
    assertThat(settings.unacknowledgedMax()).isEqualTo(256);
  }

  @Test
  void theMoreAttemptsRunTheLessOftenEachWrites() {
    WorkerSettings settings = WorkerSettings.from(DEFAULTS);

    assertThat(settings.groupInterval(1)).isEqualTo(settings.groupInterval());
    assertThat(settings.groupInterval(32)).isEqualTo(Duration.ofMillis(250));
    assertThat(settings.groupInterval(4096)).isEqualTo(settings.resendMin());
  }

  @ParameterizedTest
  @CsvSource({
    "group-interval, 0s",
    "groups-per-second, 0",
    "group-tokens-max, 0",
    "group-tokens-max, many",
    "resend-min, soon",
    "resend-max, 10ms",
    "unacknowledged-timeout, 1ms",
    "unacknowledged-max, 100001",
    "restart-max, 1ms",
    "leave-timeout, -1s",
  })
  void aWrongValueIsNamed(String key, String value) {
    Config config =
        DEFAULTS.withValue("parley.worker." + key, ConfigValueFactory.fromAnyRef(value));

    assertThatThrownBy(() -> WorkerSettings.from(config))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.worker." + key + " must be");
  }
}
