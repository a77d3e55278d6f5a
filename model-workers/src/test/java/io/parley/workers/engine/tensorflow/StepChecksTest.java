package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class StepChecksTest {
  private static final EngineSpec SPEC = new EngineSpec(10, 128, 64, 4, 3, "test");

  @Test
  void takesAGoodStep() {
    assertThatCode(
            () -> StepChecks.check(step(ints(9, 0), ints(63, 64), ints(0, 0), ints(3, 0)), SPEC))
        .doesNotThrowAnyException();
  }

  static Stream<Arguments> badSteps() {
    return Stream.of(
        Arguments.of("tokens in a step", step(ints(), ints(), ints(), ints(0))),
        Arguments.of(
            "tokens in a step",
            step(ints(1, 1, 1, 1), ints(0, 1, 2, 3), ints(0, 0, 0, 0), ints(0))),
        Arguments.of("number of positions", step(ints(1, 2), ints(0), ints(0, 0), ints(0))),
        Arguments.of("number of sequences", step(ints(1, 2), ints(0, 1), ints(0), ints(0))),
        Arguments.of("token id", step(ints(10), ints(0), ints(0), ints(0))),
        Arguments.of("token id", step(ints(-1), ints(0), ints(0), ints(0))),
        Arguments.of("position", step(ints(1), ints(128), ints(0), ints(0, 1, 2))),
        Arguments.of("position", step(ints(1), ints(-1), ints(0), ints(0))),
        Arguments.of("position past its block table", step(ints(1), ints(64), ints(0), ints(0))),
        Arguments.of("position does not follow", step(ints(1, 1), ints(3, 5), ints(0, 0), ints(0))),
        Arguments.of("sequence", step(ints(1), ints(0), ints(1), ints(0))),
        Arguments.of("block id", step(ints(1), ints(0), ints(0), ints(4))),
        Arguments.of("block id", step(ints(1), ints(0), ints(0), ints(-1))),
        Arguments.of("row", new StepInput(ints(1), ints(0), ints(0), new int[][] {{0}}, ints(1))));
  }

  @ParameterizedTest
  @MethodSource("badSteps")
  void refusesWhatIsOutOfRange(String what, StepInput step) {
    assertThatThrownBy(() -> StepChecks.check(step, SPEC))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(what);
  }

  @Test
  void refusesASequenceInTwoPieces() {
    StepInput step =
        new StepInput(ints(1, 1, 1), ints(0, 0, 1), ints(0, 1, 0), new int[][] {{0}, {1}}, ints(0));

    assertThatThrownBy(() -> StepChecks.check(step, SPEC)).hasMessageContaining("not contiguous");
  }

  private static StepInput step(int[] tokens, int[] positions, int[] sequences, int[] table) {
    return new StepInput(tokens, positions, sequences, new int[][] {table}, ints());
  }

  private static int[] ints(int... values) {
    return values;
  }
}
