package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.routing.RoutingSettings;
import io.parley.routing.policy.PolicyName;
import io.parley.routing.protocol.ModelId;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class NodeConfigTest {

  @Test
  void aSectionWhoseKeysTheUserNamesTakesAnyKey() {
    RoutingSettings settings =
        RoutingSettings.from(
            NodeConfig.load(
                Optional.empty(), Map.of("parley.routing.policies.\"tiny@1\"", "round-robin")));

    assertThat(settings.policy(ModelId.parse("tiny@1"))).isEqualTo(PolicyName.ROUND_ROBIN);
  }

  @Test
  void anyOtherKeyThatThereIsNotIsRefused() {
    for (String key : new String[] {"parley.routing.policys.x", "parley.routing.affinity.wait"}) {
      assertThatThrownBy(() -> NodeConfig.load(Optional.empty(), Map.of(key, "1")))
          .isInstanceOf(StartupException.class)
          .hasMessageContaining("there is no key " + key);
    }
  }
}
