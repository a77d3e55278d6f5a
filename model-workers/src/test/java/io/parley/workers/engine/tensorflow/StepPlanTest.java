package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepPlanTest {
  private static final long PLENTY = 1L << 30;
  private static final EngineSpec SPEC = new EngineSpec(100, 4096, 64, 50, 512, "test");
  private static final DecoderConfig CONFIG =
      new DecoderConfig(
          8, 2, 1, 4, 8, 100, 4096, 1e-5f, 1, 0.5f, RotaryPairs.ADJACENT, true, List.of());

  @Test
  void putsDecodeRowsAndOneChunkIntoOneCall() {
    StepInput input =
        new StepInput(
            new int[] {11, 12, 13, 14},
            new int[] {63, 64, 65, 128},
            new int[] {1, 0, 0, 2},
            new int[][] {{5, 6}, {7, 0}, {8, 9, 10}},
            new int[] {3, 0, 2});

    List<StepPlan.Call> calls = StepPlan.of(input, SPEC, CONFIG, PLENTY);

    assertThat(calls).hasSize(1);
    StepPlan.Call call = calls.get(0);
    assertThat(call.tokens()).containsExactly(11, 14, 12, 13);
    assertThat(call.positions()).containsExactly(63, 128, 64, 65);
    assertThat(call.slots()).containsExactly(7 * 64 + 63, 10 * 64, 6 * 64, 6 * 64 + 1);
    assertThat(call.decodeRows()).isEqualTo(2);
    assertThat(call.decodeTables()).containsExactly(7, 0, 0, 8, 9, 10);
    assertThat(call.chunkTable()).containsExactly(5, 6);
    assertThat(call.rows()).containsExactly(0, 1, 3);
    assertThat(call.outputs()).containsExactly(1, 0, 2);
  }

  @Test
  void givesEachFurtherChunkACallOfItsOwn() {
    StepInput input =
        new StepInput(
            new int[] {1, 2, 3, 4},
            new int[] {0, 1, 0, 1},
            new int[] {0, 0, 1, 1},
            new int[][] {{3}, {4}},
            new int[] {1, 3});

    List<StepPlan.Call> calls = StepPlan.of(input, SPEC, CONFIG, PLENTY);

    assertThat(calls).extracting(StepPlan.Call::decodeRows).containsExactly(0, 0);
    assertThat(calls)
        .extracting(StepPlan.Call::chunkTable)
        .containsExactly(new int[] {3}, new int[] {4});
    assertThat(calls)
        .extracting(StepPlan.Call::outputs)
        .containsExactly(new int[] {0}, new int[] {1});
  }

  @Test
  void splitsWhatNeedsTooMuchMemory() {
    int[] positions = {10, 11, 12, 13, 20, 30};
    StepInput input =
        new StepInput(
            new int[6],
            positions,
            new int[] {0, 0, 0, 0, 1, 2},
            new int[][] {{0}, {1}, {2}},
            new int[] {3, 4, 5});

    // room for the scores of two rows, and for the keys and values of one sequence
    List<StepPlan.Call> calls = StepPlan.of(input, SPEC, CONFIG, 2 * 2 * 64);

    assertThat(calls).extracting(StepPlan.Call::decodeRows).containsExactly(1, 1);
    assertThat(calls).extracting(call -> call.tokens().length).containsExactly(3, 3);
    assertThat(calls.get(0).positions()).containsExactly(20, 10, 11);
    assertThat(calls.get(1).positions()).containsExactly(30, 12, 13);
    assertThat(calls.get(0).outputs()).containsExactly(1);
    assertThat(calls.get(1).outputs()).containsExactly(2, 0);
  }
}
