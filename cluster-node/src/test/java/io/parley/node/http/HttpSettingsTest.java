package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import java.util.List;
import org.junit.jupiter.api.Test;

class HttpSettingsTest {
  @Test
  void takesTheDefaults() {
    assertThat(HttpSettings.of(ConfigFactory.load()).host()).isEqualTo("127.0.0.1");
  }

  @Test
  void readsEachKeyAndRefusesNonsense() {
    List<String> keys = List.copyOf(ConfigFactory.load().getObject("parley.http").keySet());
    assertThat(keys).hasSize(HttpSettings.class.getRecordComponents().length);
    for (String key : keys) {
      // no value of any key may be a list
      var bad = ConfigFactory.parseString("parley.http." + key + " = [1]");
      assertThatThrownBy(() -> HttpSettings.of(bad.withFallback(ConfigFactory.load())))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(key);
    }
  }

  @Test
  void saysWhatIsAllowed() {
    var bad = ConfigFactory.parseString("parley.http.port = 70000");
    assertThatThrownBy(() -> HttpSettings.of(bad.withFallback(ConfigFactory.load())))
        .hasMessage("parley.http.port is 70000 but must be from 0 to 65535");
  }
}
