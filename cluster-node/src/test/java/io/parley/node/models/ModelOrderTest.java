package io.parley.node.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import io.parley.workers.engine.Device;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelOrderTest {
  private static ModelOrder order(String entry) {
    return ModelOrder.from(
        ConfigFactory.parseString("models = [" + entry + "]").getList("models").get(0));
  }

  @Test
  void anEntryIsATextOrAnObjectWithSettings() {
    assertThat(order("\"a@1\"")).isEqualTo(ModelOrder.of("a@1"));
    assertThat(order("{ model = a, kv-memory = 2MiB, slots = 3 }"))
        .isEqualTo(new ModelOrder("a", Optional.of(2L << 20), Optional.of(3), Optional.empty()));
  }

  @Test
  void aDeviceStandsBehindTheModelOrBesideIt() {
    Optional<Device> cores = Optional.of(Device.parse("cpu:cores=0-3,6"));
    ModelOrder expected = new ModelOrder("a@1", Optional.empty(), Optional.empty(), cores);
    assertThat(ModelOrder.of("a@1#device=cpu:cores=0-3,6")).isEqualTo(expected);
    assertThat(order("{ model = \"a@1\", device = \"cpu:cores=0,1,2,3,6\" }")).isEqualTo(expected);
    assertThat(ModelOrder.of("a#weights=int8&device=gpu:1&sha256=ab"))
        .isEqualTo(
            new ModelOrder(
                "a#weights=int8&sha256=ab",
                Optional.empty(),
                Optional.empty(),
                Optional.of(new Device.Gpu(1))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{ model = a, slot = 3 }",
        "{ kv-memory = 2MiB }",
        "{ model = a, kv-memory = much }",
        "{ model = a, kv-memory = 0 }",
        "{ model = a, slots = 0 }",
        "\"a#device=cpu:cores=\"",
        "\"a#device=cpu:cores=3-1\"",
        "\"a#device=tpu:0\"",
        "\"a#device=cpu&device=cpu\"",
        "{ model = \"a#device=cpu\", device = cpu }",
        "[a]",
        "\"\""
      })
  void anythingElseIsRefused(String entry) {
    assertThatThrownBy(() -> order(entry)).isInstanceOf(IllegalArgumentException.class);
  }
}
