package io.parley.sessions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SessionSettingsTest {
  private static final Config DEFAULTS = ConfigFactory.load();

  private static SessionSettings with(String key, String value) {
    return SessionSettings.from(
        ConfigFactory.parseString("parley.session." + key + " = \"" + value + "\"")
            .withFallback(DEFAULTS));
  }

  @Test
  void theDefaultsAreValid() {
    assertThat(SessionSettings.from(DEFAULTS).shards()).isEqualTo(100);
  }

  @Test
  void everyKeyIsReadAndRefusesNonsense() {
    DEFAULTS
        .getConfig("parley.session")
        .entrySet()
        .forEach(
            entry ->
                assertThatThrownBy(() -> with(entry.getKey(), "nonsense"))
                    .as(entry.getKey())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("parley.session." + entry.getKey() + " must be"));
  }

  @ParameterizedTest
  @CsvSource({
    "shards,0",
    "max-turns,0",
    "max-session-bytes,2 MiB",
    "max-stored-bytes,1 GiB",
    "queue-timeout,0 s",
    "turn-timeout,48 h",
    "memory-budget,1 MiB",
    "retry.max-backoff,1 ms",
    "snapshot.keep,0"
  })
  void aValueOutOfBoundsNamesItsKey(String key, String value) {
    assertThatThrownBy(() -> with(key, value))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.session." + key + " must be");
  }

  @Test
  void theBackoffDoublesUpToItsBound() {
    var backoff = new SessionSettings.Backoff(Duration.ofMillis(100), Duration.ofSeconds(5));
    assertThat(backoff.wait(0)).hasMillis(100);
    assertThat(backoff.wait(1)).hasMillis(100);
    assertThat(backoff.wait(3)).hasMillis(400);
    assertThat(backoff.wait(1000)).hasSeconds(5);
  }
}
