package io.parley.workers.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.TokenLogProb;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  @Test
  void exponentialIsAccurate() {
    Random random = new Random(1);
    double worst = 0;
    double worstOfLikely = 0; // relative
    double[] many = new double[1];
    for (int i = 0; i < 100_000; i++) {
      double x = -random.nextDouble() * (i % 3 == 0 ? 100 : i % 3 == 1 ? 16 : 0.01);
      double exact = StrictMath.exp(x);
      double error = Math.abs(Exp.ofNegative(x) - exact);
      worst = Math.max(worst, error);
      worstOfLikely = Math.max(worstOfLikely, x > -16 ? error / exact : 0);
      many[0] = Exp.argument(x);
      Exp.ofArguments(many);
      assertThat(many[0]).isEqualTo(Exp.ofNegative(x));
    }
    assertThat(worst).isLessThan(1e-12);
    assertThat(worstOfLikely).isLessThan(1e-7);
    assertThat(Exp.ofNegative(0)).isEqualTo(1);
    assertThat(Exp.ofNegative(-60)).isZero();
    assertThat(Exp.ofNegative(-1e9)).isZero();
    assertThat(Exp.ofNegative(Double.NEGATIVE_INFINITY)).isZero();
  }

  @Test
  void drawsTheSameWithSumsFromElsewhere() throws BadLogitsException {
    Random random = new Random(11);
    int drawnWithSums = 0;
    for (int round = 0; round < 2000; round++) {
      int vocabulary = 1 + random.nextInt(700);
      FloatBuffer rows = FloatBuffer.allocate(3 * vocabulary);
      for (int i = 0; i < 3; i++) {
        rows.put(logits(random, vocabulary));
      }
      SamplingParams params = params(random, vocabulary);
      double scale = Sampler.scaleOfSums(params, true);
      TokenCounts counts = new TokenCounts();
      counts.addAnswer(0);
      Sampler without = new Sampler(vocabulary);
      Sampler with = new Sampler(vocabulary);
      if (scale > 0) {
        with.know(JavaSums.of(rows, vocabulary, new int[] {0, 2}, new double[] {scale + 1, scale}));
        drawnWithSums++;
      }
      for (int row = 0; row < 3; row++) { // of another scale, without, with sums
        assertThat(with.sample(rows, row, params, counts, round))
            .as("round %d, row %d, %d tokens, %s", round, row, vocabulary, params)
            .isEqualTo(without.sample(rows, row, params, counts, round));
      }
    }
    assertThat(drawnWithSums).isGreaterThan(50);
  }

  @Test
  void refusesABadRowWhoseSumsAreKnown() {
    FloatBuffer rows = FloatBuffer.wrap(new float[] {1, Float.NaN, 2});
    SamplingParams params = limited(1, 1, 0, 0, 3);
    Sampler sampler = new Sampler(3);
    sampler.know(JavaSums.of(rows, 3, new int[] {0}, new double[] {1}));
    assertThatThrownBy(() -> sampler.sample(rows, 0, params, null, 0))
        .isInstanceOf(BadLogitsException.class)
        .hasMessage("a logit is NaN");
  }

  @Test
  void equalsTheNaiveSampler() throws BadLogitsException {
    Random random = new Random(20260731);
    for (int round = 0; round < 2000; round++) {
      int vocabulary = 1 + random.nextInt(round % 10 == 0 ? 700 : 90);
      float[] logits = logits(random, vocabulary);
      List<Integer> prompt = ids(random, vocabulary);
      List<Integer> answer = ids(random, vocabulary);
      SamplingParams params = params(random, vocabulary);
      TokenCounts counts = new TokenCounts();
      prompt.forEach(counts::addPrompt);
      answer.forEach(counts::addAnswer);
      int position = random.nextInt(5000);
      int drawn =
          new Sampler(vocabulary).sample(FloatBuffer.wrap(logits), 0, params, counts, position);
      assertThat(drawn)
          .as("round %d, %d tokens, %s", round, vocabulary, params)
          .isEqualTo(NaiveSampler.sample(logits, params, prompt, answer, position));
    }
  }

  @Test
  void equalsTheNaiveSamplerWhereTheTailMatters() throws BadLogitsException {
    // a head of a few tokens and a long tail at the border of it, so that every path is taken
    Random random = new Random(7);
    Sampler sampler = new Sampler(3000);
    for (int round = 0; round < 200; round++) {
      float[] logits = new float[3000];
      double depth = 4 + 14 * random.nextDouble();
      for (int i = 0; i < logits.length; i++) {
        logits[i] = (float) (i % 100 == 0 ? -random.nextDouble() : -depth + random.nextGaussian());
      }
      double topP = round % 2 == 0 ? 1 : 1 - Math.pow(10, -7 * random.nextDouble());
      SamplingParams params = limited(1, topP, 0, 0, random.nextLong());
      int position = random.nextInt(100);
      assertThat(sampler.sample(FloatBuffer.wrap(logits), 0, params, null, position))
          .as("round %d, depth %s, top-p %s", round, depth, topP)
          .isEqualTo(NaiveSampler.sample(logits, params, List.of(), List.of(), position));
    }
  }

  @Test
  void readsItsRowAndLeavesTheLogitsAlone() throws BadLogitsException {
    float[] rows = {1, 2, 3, 9, 8, 7, 4, 6, 5};
    FloatBuffer logits = FloatBuffer.wrap(rows.clone());
    Sampler sampler = new Sampler(3);
    TokenCounts counts = new TokenCounts();
    counts.addAnswer(0);
    SamplingParams penalty =
        new SamplingParams(0, 1, 0, 0, 2, 1, 1, 0, List.of(), 1, false, false, 0);
    assertThat(sampler.sample(logits, 0, SamplingParams.greedy(1), null, 0)).isEqualTo(2);
    assertThat(sampler.sample(logits, 1, SamplingParams.greedy(1), null, 0)).isZero();
    assertThat(sampler.sample(logits, 1, penalty, counts, 0)).isEqualTo(1);
    assertThat(sampler.sample(logits, 2, SamplingParams.greedy(1), null, 0)).isEqualTo(1);
    assertThat(logits.array()).isEqualTo(rows);
  }

  @Test
  void whatIsNotAllowedIsImpossible() throws BadLogitsException {
    Random random = new Random(3);
    int size = 200;
    Sampler sampler = new Sampler(size);
    for (int round = 0; round < 200; round++) {
      float[] row = new float[size];
      float[] cut = new float[size];
      long[] allowed = new long[(size + 63) / 64];
      TokenCounts counts = new TokenCounts();
      int only = random.nextInt(size);
      for (int id = 0; id < size; id++) {
        row[id] = (float) (5 * random.nextGaussian());
        boolean may = id == only || random.nextInt(1 + round % 20) == 0;
        allowed[id >> 6] |= may ? 1L << id : 0;
        cut[id] = may ? row[id] : Float.NEGATIVE_INFINITY;
        counts.addAnswer(random.nextInt(size));
      }
      double temperature = round % 3;
      double topP = round % 2 == 0 ? 1 : 0.8;
      SamplingParams params =
          new SamplingParams(
              temperature,
              topP,
              round % 5,
              0,
              1,
              round % 4,
              0,
              round,
              List.of(),
              1,
              true,
              false,
              0);
      assertThat(sampler.sample(FloatBuffer.wrap(row), 0, params, counts, round, allowed))
          .isEqualTo(sampler.sample(FloatBuffer.wrap(cut), 0, params, counts, round));
    }
  }

  @Test
  void nucleusHasTheLikeliestTokenAtLeast() throws BadLogitsException {
    FloatBuffer row = FloatBuffer.wrap(new float[] {1, 3, 2});
    for (int position = 0; position < 50; position++) {
      assertThat(new Sampler(3).sample(row, 0, limited(1, 0, 0, 0, 1), null, position))
          .isEqualTo(1);
      assertThat(new Sampler(3).sample(row, 0, limited(1, 0, 2, 0, 1), null, position))
          .isEqualTo(1);
    }
  }

  @Test
  void equalLogitsAreTakenInOrderOfIds() throws BadLogitsException {
    FloatBuffer flat = FloatBuffer.wrap(new float[] {-0f, 0f, 0f, -0f, 0f});
    Sampler sampler = new Sampler(5);
    assertThat(sampler.sample(flat, 0, SamplingParams.greedy(1), null, 0)).isZero();
    Set<Integer> drawn = new HashSet<>();
    for (int position = 0; position < 200; position++) {
      drawn.add(sampler.sample(flat, 0, limited(1, 1, 2, 0, 3), null, position));
    }
    assertThat(drawn).containsExactlyInAnyOrder(0, 1);
    drawn.clear();
    for (int position = 0; position < 200; position++) {
      drawn.add(sampler.sample(flat, 0, limited(1, 0.6, 0, 0, 3), null, position));
    }
    assertThat(drawn).containsExactlyInAnyOrder(0, 1, 2);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 42, -7, Long.MAX_VALUE})
  void drawsOverTheWholeVocabularyInProportion(long seed) throws BadLogitsException {
    // 50 tokens from e^0 down to e^-4.9; chi-square with 49 degrees of freedom
    float[] logits = new float[50];
    double total = 0;
    for (int i = 0; i < logits.length; i++) {
      logits[i] = -0.1f * i;
      total += Math.exp(logits[i]);
    }
    int draws = 200_000;
    int[] seen = new int[logits.length];
    Sampler sampler = new Sampler(logits.length);
    FloatBuffer row = FloatBuffer.wrap(logits);
    SamplingParams params = limited(1, 1, 0, 0, seed);
    for (int position = 0; position < draws; position++) {
      seen[sampler.sample(row, 0, params, null, position)]++;
    }
    double chiSquare = 0;
    for (int i = 0; i < seen.length; i++) {
      double expected = draws * Math.exp(logits[i]) / total;
      chiSquare += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    assertThat(chiSquare).isBetween(20.0, 95.0); // p from 0.9999 to 0.0001
  }

  @Test
  void numbersOfNeighbouringSeedsAndPositionsAreIndependent() {
    // 16 x 16 cells of (number at a position, number at the next one), over many seeds
    int[] cells = new int[256];
    int pairs = 256_000;
    for (int i = 0; i < pairs; i++) {
      int here = (int) (16 * CounterRandom.uniform(i / 10, i % 10));
      int next = (int) (16 * CounterRandom.uniform(i / 10, i % 10 + 1));
      cells[16 * here + next]++;
    }
    double chiSquare = 0;
    for (int cell : cells) {
      chiSquare += Math.pow(cell - pairs / 256.0, 2) / (pairs / 256.0);
    }
    assertThat(chiSquare).isBetween(180.0, 350.0); // 255 degrees of freedom
  }

  @Test
  void badLogitsAreRefusedInEveryMode() {
    float nan = Float.NaN;
    float infinite = Float.POSITIVE_INFINITY;
    float never = Float.NEGATIVE_INFINITY;
    for (float[] bad :
        List.of(
            new float[] {1, nan, 2},
            new float[] {nan, nan, nan},
            new float[] {0, 1, infinite},
            new float[] {never, never, never})) {
      for (SamplingParams params :
          List.of(SamplingParams.greedy(1), limited(1, 0.9, 2, 0.1, 1), limited(1, 1, 0, 0, 1))) {
        assertThatThrownBy(() -> new Sampler(3).sample(FloatBuffer.wrap(bad), 0, params, null, 0))
            .isInstanceOf(BadLogitsException.class);
      }
      assertThatThrownBy(
              () -> new LogProbs(3, Integer::toString).of(FloatBuffer.wrap(bad), 0, 0, 1))
          .isInstanceOf(BadLogitsException.class);
    }
  }

  @Test
  void impossibleTokensAreNeverDrawn() throws BadLogitsException {
    float never = Float.NEGATIVE_INFINITY;
    FloatBuffer row = FloatBuffer.wrap(new float[] {never, 0, never, 0, never});
    Sampler sampler = new Sampler(5);
    for (int position = 0; position < 500; position++) {
      for (SamplingParams params :
          List.of(limited(2, 1, 0, 0, 1), limited(2, 0.99, 0, 0, 1), limited(2, 1, 4, 0, 1))) {
        assertThat(sampler.sample(row, 0, params, null, position)).isIn(1, 3);
      }
    }
  }

  @Test
  void logProbabilitiesAreOfTheRawLogitsOverTheWholeVocabulary() throws BadLogitsException {
    float[] logits = {1, 3, 2, 3, Float.NEGATIVE_INFINITY};
    double total = Math.log(Math.exp(1) + 2 * Math.exp(3) + Math.exp(2));
    TokenLogProb logProb =
        new LogProbs(5, id -> "<" + id + ">").of(FloatBuffer.wrap(logits), 0, 2, 5);
    assertThat((double) logProb.logProb()).isCloseTo(2 - total, within(1e-6));
    assertThat(logProb.piece()).isEqualTo("<2>");
    assertThat(logProb.alternatives())
        .extracting(TokenLogProb.Alternative::id)
        .containsExactly(1, 3, 2, 0, 4);
    assertThat((double) logProb.alternatives().get(0).logProb()).isCloseTo(3 - total, within(1e-6));
    assertThat(logProb.alternatives().get(4).logProb()).isFinite();
    assertThat(logProb.alternatives().get(3).piece()).isEqualTo("<0>");
  }

  static SamplingParams limited(double temperature, double topP, int topK, double minP, long seed) {
    return new SamplingParams(
        temperature, topP, topK, minP, 1, 0, 0, seed, List.of(), 1, false, false, 0);
  }

  private static float[] logits(Random random, int vocabulary) {
    float[] logits = new float[vocabulary];
    boolean ties = random.nextInt(4) == 0;
    double spread = Math.pow(10, 3 * random.nextDouble() - 1);
    for (int i = 0; i < vocabulary; i++) {
      logits[i] = ties ? random.nextInt(4) : (float) (random.nextGaussian() * spread);
    }
    return logits;
  }

  private static List<Integer> ids(Random random, int vocabulary) {
    List<Integer> ids = new ArrayList<>();
    for (int i = random.nextInt(200); i > 0; i--) {
      ids.add(random.nextInt(vocabulary));
    }
    return ids;
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
