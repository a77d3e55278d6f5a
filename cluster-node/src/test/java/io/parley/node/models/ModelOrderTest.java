package io.parley.node.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
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
        .isEqualTo(new ModelOrder("a", Optional.of(2L << 20), Optional.of(3)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{ model = a, slot = 3 }",
        "{ kv-memory = 2MiB }",
        "{ model = a, kv-memory = much }",
        "{ model = a, kv-memory = 0 }",
        "{ model = a, slots = 0 }",
        "[a]",
        "\"\""
      })
  void anythingElseIsRefused(String entry) {
    assertThatThrownBy(() -> order(entry)).isInstanceOf(IllegalArgumentException.class);
  }
}
