package io.parley.workers.engine.simulated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SimulatedSettingsTest {
  private static final Config REFERENCE = ConfigFactory.defaultReference();

  @Test
  void referenceIsReadAndEveryKeyIsUsed() {
    assertThat(SimulatedSettings.from(REFERENCE).decode()).isEqualTo(50);
    assertThat(REFERENCE.getConfig("parley.simulated").root())
        .hasSize(SimulatedSettings.class.getRecordComponents().length);
  }

  @Test
  void optionsBehindTheNameTakeThePlaceOfTheConfiguration() {
    SimulatedSettings settings =
        SimulatedSettings.of(REFERENCE, "simulated#decode=12.5&slots=3&stall-time=2s&name=slow");
    assertThat(settings.decode()).isEqualTo(12.5);
    assertThat(settings.slots()).isEqualTo(3);
    assertThat(settings.stallTime()).hasSeconds(2);
    assertThat(settings.id().toString()).isEqualTo("slow@1-c8192-a200");
    assertThat(SimulatedSettings.of(REFERENCE, "simulated"))
        .isEqualTo(SimulatedSettings.from(REFERENCE));
  }

  @Test
  void whereItIsNotAllowedTheRefusalNamesTheKey() {
    Config off =
        ConfigFactory.parseString("parley.simulated.allowed = off").withFallback(REFERENCE);
    assertThatThrownBy(() -> SimulatedSettings.of(off, "simulated#decode=1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'simulated#decode=1' only simulates one")
        .hasMessageContaining("parley.simulated.allowed is off");
    // and the name cannot turn it on
    assertThatThrownBy(() -> SimulatedSettings.of(off, "simulated#allowed=on"))
        .hasMessageContaining("not 'allowed=on'");
  }

  @ParameterizedTest
  @CsvSource({
    "decode=-1, parley.simulated.decode must be between 0",
    "decode=fast, parley.simulated.decode must be a number",
    "failures=1.5, parley.simulated.failures must be between 0.0 and 1.0",
    "slots=5000, parley.simulated.slots must be between 0 and 4096",
    "context-length=10, parley.simulated.context-length must be between 64",
    "stall-time=1h, at most 10 minutes",
    "name=Big Model, parley.simulated.name must be",
    "speed=3, not 'speed=3'",
    "decode, not 'decode'",
    "decode=1&decode=2, not 'decode=2'",
    "'', not ''",
  })
  void badOptionIsRefusedWithWhatIsAllowed(String options, String message) {
    assertThatThrownBy(() -> SimulatedSettings.of(REFERENCE, "simulated#" + options))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void onlyItsOwnSpecsAreMeant() {
    assertThat(SimulatedSettings.isMeantBy("simulated")).isTrue();
    assertThat(SimulatedSettings.isMeantBy("simulated#decode=1")).isTrue();
    assertThat(SimulatedSettings.isMeantBy("simulated-2")).isFalse();
    assertThat(SimulatedSettings.isMeantBy("/srv/simulated.gguf")).isFalse();
  }
}
