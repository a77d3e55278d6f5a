package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import io.parley.node.models.ModelOrder;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelKindsTest {
  private static Config config(String device) {
    return NodeConfig.load(Optional.empty(), Map.of("parley.engine.device", device));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"simulated#device=cpu", "story#upstream=http://127.0.0.1:1&device=cpu:cores=0"})
  void aModelThatIsNotComputedHereHasNoDevice(String model) {
    ModelOrder order = ModelOrder.of(model);
    assertThatThrownBy(() -> ModelKinds.of(order, config("cpu")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("has no device");
  }

  @Test
  void theDeviceIsThatOfTheEntryElseThatOfTheNode() {
    assertThat(ModelKinds.of(ModelOrder.of("a"), config("cpu")).device()).isEqualTo("cpu");
    assertThat(ModelKinds.of(ModelOrder.of("a#device=gpu:1"), config("cpu")).device())
        .isEqualTo("gpu:1");
    assertThat(ModelKinds.of(ModelOrder.of("a"), config("\"gpu:0\"")).device()).isEqualTo("gpu:0");
  }

  @Test
  void coresThatAreNotThereAreRefusedBeforeAnythingIsLoaded() {
    ModelOrder order = ModelOrder.of("a#device=cpu:cores=0,1023");
    assertThatThrownBy(() -> ModelKinds.of(order, config("cpu")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("cpu:cores=0,1023 is not on this machine")
        .hasMessageContaining("this process may use the cores ");
  }
}
