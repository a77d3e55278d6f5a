package io.parley.sessions;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LiveSessionsTest {
  private static final long BUDGET = 80 * LiveSessions.ENTITY_BYTES;

  /** With the entity itself, a tenth of the budget. */
  private static final long TENTH = 7 * LiveSessions.ENTITY_BYTES;

  private final List<String> left = new ArrayList<>();
  private final LiveSessions<String> live = new LiveSessions<>(BUDGET, left::add);

  @Test
  void asksTheIdleSessionThatChangedLongestAgoToLeaveNearTheBudget() {
    idle(1, 2, 3, 4, 5, 6, 7, 8);
    idle(1);
    assertThat(left).isEmpty();

    idle(9);
    assertThat(left).containsExactly("2");
    assertThat(live.isFull()).isFalse();
  }

  @Test
  void asksEachOnlyOnceWhileItLeaves() {
    idle(1, 2, 3, 4, 5, 6, 7, 8, 9);
    running(9);
    assertThat(left).containsExactly("1");
    live.remove("1");
    idle(10);
    assertThat(left).containsExactly("1", "2");
  }

  @Test
  void isFullWhenAllRun() {
    running(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    assertThat(live.isFull()).isFalse();
    running(11);
    assertThat(live.isFull()).isTrue();
    assertThat(left).isEmpty();
    live.remove("3");
    assertThat(live.isFull()).isFalse();
  }

  @Test
  void whatGoesOnInsteadOfLeavingCountsAgain() {
    idle(1, 2, 3, 4, 5, 6, 7, 8, 9);
    running(1);
    assertThat(left).containsExactly("1", "2");
    live.remove("2");
    live.remove("1");
    live.remove("1");
    idle(10);
    assertThat(left).containsExactly("1", "2");
  }

  @Test
  void aSessionWithoutAWordWeighsToo() {
    for (int i = 0; i < 71; i++) {
      live.update("empty" + i, 0, true);
    }
    assertThat(left).containsExactly("empty0");
  }

  private void idle(int... sessions) {
    for (int session : sessions) {
      live.update(Integer.toString(session), TENTH, true);
    }
  }

  private void running(int... sessions) {
    for (int session : sessions) {
      live.update(Integer.toString(session), TENTH, false);
    }
  }
}
