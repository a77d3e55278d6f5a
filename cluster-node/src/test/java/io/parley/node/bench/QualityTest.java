package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;

class QualityTest {
  private static FloatBuffer logs(double... probabilities) {
    FloatBuffer logits = FloatBuffer.allocate(probabilities.length);
    for (double probability : probabilities) {
      logits.put((float) (Math.log(probability) + 3)); // whatever is added to all changes nothing
    }
    return logits.flip();
  }

  @Test
  void findsPerplexityAndDivergenceByTheirDefinitions() {
    Quality quality = new Quality(3);
    FloatBuffer reference = logs(0.5, 0.25, 0.25, 0.25, 0.5, 0.25);
    FloatBuffer logits = logs(0.5, 0.25, 0.25, 0.5, 0.25, 0.25);
    quality.add(logits, reference, 0, 1);
    quality.add(logits, reference, 3, 0);

    Quality.Summary summary = quality.summary();

    assertThat(summary.scored()).isEqualTo(2);
    assertThat(summary.perplexity()).isCloseTo(1 / Math.sqrt(0.25 * 0.5), within(1e-5));
    assertThat(summary.sameFirst()).isEqualTo(0.5);
    double second = 0.25 * Math.log(0.25 / 0.5) + 0.5 * Math.log(0.5 / 0.25);
    assertThat(summary.divergenceMean()).isCloseTo(second / 2, within(1e-6));
    assertThat(summary.divergenceMax()).isCloseTo(second, within(1e-6));
  }

  @Test
  void findsNoneBetweenEquals() {
    Quality quality = new Quality(2);
    FloatBuffer logits = logs(0.9, 0.1);
    quality.add(logits, logits, 0, 0);
    assertThat(quality.summary().sameFirst()).isEqualTo(1);
    assertThat(quality.summary().divergenceMax()).isZero();
  }

  @Test
  void saysNothingOfNoText() {
    assertThatThrownBy(new Quality(2)::summary).isInstanceOf(IllegalStateException.class);
  }
}
