package io.parley.node.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FaultsTest {
  private static ChaosPlan plan(int nodes, String... kinds) {
    return new ChaosPlan(
        1,
        10,
        Optional.empty(),
        List.of(kinds),
        nodes,
        4,
        Duration.ofSeconds(1),
        Duration.ofSeconds(1),
        Optional.empty());
  }

  @Test
  void aSeedDrawsTheSameFaultsAgain() {
    List<Fault> kinds = Faults.named(Faults.names());

    List<Fault> drawn = Faults.draw(kinds, 200, 42);

    assertThat(drawn).hasSize(200).isEqualTo(Faults.draw(kinds, 200, 42));
    assertThat(drawn).isNotEqualTo(Faults.draw(kinds, 200, 43));
    assertThat(drawn.subList(0, kinds.size())).containsExactlyInAnyOrderElementsOf(kinds);
  }

  @Test
  void cheapFaultsComeMoreOften() {
    List<Fault> drawn = Faults.draw(Faults.named(Faults.names()), 1000, 7);

    assertThat(drawn.stream().filter(fault -> fault.name().equals("same-key")).count())
        .isGreaterThan(
            3 * drawn.stream().filter(fault -> fault.name().equals("freeze-owner")).count());
  }

  @Test
  void anyClusterOutlivesOneSessionNodeAndOneWorker() {
    for (int nodes = ChaosPlan.NODES_MIN; nodes <= ChaosPlan.NODES_MAX; nodes++) {
      List<String> roles = plan(nodes, "kill-owner").roles();

      assertThat(roles).hasSize(nodes);
      assertThat(roles).filteredOn(role -> role.contains("session")).hasSizeGreaterThan(2);
      assertThat(roles).filteredOn(role -> role.contains("worker")).hasSizeGreaterThan(1);
      assertThat(roles).filteredOn(role -> role.contains("api")).hasSizeGreaterThan(1);
    }
  }

  @Test
  void refusesWhatIsNoKind() {
    assertThatThrownBy(() -> plan(3, "earthquake"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("--kinds must be of kill-owner, ");
    assertThatThrownBy(() -> plan(2, "drain")).hasMessageContaining("--nodes must be from 3 to 7");
  }
}
