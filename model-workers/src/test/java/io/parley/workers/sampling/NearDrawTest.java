package io.parley.workers.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.SamplingParams;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NearDrawTest {
  private static final double BY = 0.05;

  /** Random logits, parameters and differences: what is then drawn is never denied. */
  @Test
  void admitsWhatLogitsThatNearGive() throws BadLogitsException {
    Random random = new Random(5);
    int others = 0;
    int denied = 0;
    int asked = 0;
    for (int round = 0; round < 4000; round++) {
      int vocabulary = 2 + random.nextInt(300);
      float[] logits = logits(random, vocabulary);
      float[] moved = new float[vocabulary];
      for (int id = 0; id < vocabulary; id++) {
        moved[id] = (float) (logits[id] + BY * 0.999 * (2 * random.nextDouble() - 1));
      }
      SamplingParams params = params(random, vocabulary);
      TokenCounts counts = counts(random, vocabulary);
      long[] allowed = allowed(random, vocabulary);
      int position = random.nextInt(100);
      Sampler sampler = new Sampler(vocabulary);
      int here = sampler.sample(FloatBuffer.wrap(logits), 0, params, counts, position, allowed);
      int there = sampler.sample(FloatBuffer.wrap(moved), 0, params, counts, position, allowed);
      others += here == there ? 0 : 1;
      NearDraw near = new NearDraw(vocabulary);
      FloatBuffer row = FloatBuffer.wrap(logits);
      assertThat(near.could(there, BY, row, 0, params, counts, position, allowed))
          .as("round %d: %d instead of %d with %s", round, there, here, params)
          .isTrue();
      assertThat(near.could(here, 0, row, 0, params, counts, position, allowed)).isTrue();
      int any = random.nextInt(vocabulary);
      if (any != here) {
        asked++;
        denied += near.could(any, BY, row, 0, params, counts, position, allowed) ? 0 : 1;
      }
    }
    assertThat(others).isGreaterThan(100); // the differences mattered
    assertThat(denied).isGreaterThan(asked * 8 / 10); // and not everything is admitted
  }

  @Test
  void noTokenIsOutsideOfTheVocabulary() {
    FloatBuffer row = FloatBuffer.wrap(new float[] {1, 2});
    NearDraw near = new NearDraw(2);
    assertThat(near.could(2, 9, row, 0, SamplingParams.greedy(1), null, 0, null)).isFalse();
    assertThat(near.could(-1, 9, row, 0, SamplingParams.greedy(1), null, 0, null)).isFalse();
    assertThat(near.could(0, 0.5, row, 0, SamplingParams.greedy(1), null, 0, null)).isTrue();
    assertThat(near.could(0, 0.4, row, 0, SamplingParams.greedy(1), null, 0, null)).isFalse();
  }

  private static float[] logits(Random random, int vocabulary) {
    float[] logits = new float[vocabulary];
    double spread = Math.pow(10, 1.5 * random.nextDouble() - 0.5);
    for (int id = 0; id < vocabulary; id++) {
      logits[id] = (float) (random.nextGaussian() * spread);
    }
    return logits;
  }

  private static TokenCounts counts(Random random, int vocabulary) {
    TokenCounts counts = new TokenCounts();
    for (int i = random.nextInt(20); i > 0; i--) {
      counts.addPrompt(random.nextInt(vocabulary));
      counts.addAnswer(random.nextInt(vocabulary));
    }
    return counts;
  }

  /** Null, or about half of the tokens, the first one among them. */
  private static long[] allowed(Random random, int vocabulary) {
    if (random.nextInt(4) > 0) {
      return null;
    }
    long[] allowed = new long[(vocabulary + Long.SIZE - 1) / Long.SIZE];
    for (int id = 0; id < vocabulary; id++) {
      allowed[id / Long.SIZE] |= id == 0 || random.nextBoolean() ? 1L << id : 0;
    }
    return allowed;
  }

  private static SamplingParams params(Random random, int vocabulary) {
    return new SamplingParams(
        random.nextInt(6) == 0 ? 0 : 0.1 + 2 * random.nextDouble(),
        random.nextInt(3) == 0 ? 1 : random.nextDouble(),
        random.nextInt(2) == 0 ? 0 : 1 + random.nextInt(2 * vocabulary),
        random.nextInt(2) == 0 ? 0 : random.nextDouble(),
        random.nextInt(2) == 0 ? 1 : 0.5 + random.nextDouble(),
        random.nextInt(2) == 0 ? 0 : 4 * random.nextDouble() - 2,
        random.nextInt(2) == 0 ? 0 : random.nextDouble(),
        random.nextLong(),
        List.of(),
        1,
        false,
        false,
        0);
  }
}
