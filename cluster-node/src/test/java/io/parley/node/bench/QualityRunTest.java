package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class QualityRunTest {
  private static final int VOCABULARY = 5;

  /** Finds the token after the one that it is fed likelier than the others, by so much. */
  private static final class Counting implements Engine {
    private final float certainty;
    private final List<StepInput> steps = new ArrayList<>();

    Counting(float certainty) {
      this.certainty = certainty;
    }

    @Override
    public EngineSpec spec() {
      return new EngineSpec(VOCABULARY, 256, 64, 4, 64, "counting");
    }

    @Override
    public FloatBuffer step(StepInput input) {
      steps.add(input);
      FloatBuffer logits = FloatBuffer.allocate(input.rows().length * VOCABULARY);
      for (int i = 0; i < input.rows().length; i++) {
        int next = (input.tokens()[input.rows()[i]] + 1) % VOCABULARY;
        logits.put(i * VOCABULARY + next, certainty);
      }
      return logits;
    }

    @Override
    public void close() {}
  }

  private static int[] counted(int length) {
    return IntStream.range(0, length).map(i -> i % VOCABULARY).toArray();
  }

  @Test
  void scoresEachTokenButTheFirstOfItsWindow() {
    Counting sure = new Counting(3);
    Counting unsure = new Counting(0);
    List<Quality.Summary> summaries = new QualityRun(List.of(sure, unsure), 100).run(counted(250));

    assertThat(summaries).extracting(Quality.Summary::scored).containsOnly(99 + 99 + 49);
    double right = Math.exp(3) / (Math.exp(3) + VOCABULARY - 1);
    assertThat(summaries.get(0).perplexity()).isCloseTo(1 / right, within(1e-5));
    assertThat(summaries.get(0).divergenceMax()).isZero();
    assertThat(summaries.get(1).perplexity()).isCloseTo(VOCABULARY, within(1e-5));
    assertThat(summaries.get(1).divergenceMean()).isPositive();
  }

  @Test
  void feedsWindowsFromAnEmptyContextInPieces() {
    Counting engine = new Counting(1);
    new QualityRun(List.of(engine), 100).run(counted(150));

    assertThat(engine.steps)
        .extracting(step -> step.positions()[0], step -> step.positions().length)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(0, 64),
            org.assertj.core.groups.Tuple.tuple(64, 35),
            org.assertj.core.groups.Tuple.tuple(0, 49));
  }

  @Test
  void refusesAWindowThatDoesNotFit() {
    for (int window : new int[] {1, 257}) {
      assertThatThrownBy(() -> new QualityRun(List.of(new Counting(1)), window))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("a window has 2 to 256 tokens");
    }
  }
}
