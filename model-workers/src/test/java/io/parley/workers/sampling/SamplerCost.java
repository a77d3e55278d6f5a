package io.parley.workers.sampling;

import io.parley.routing.protocol.SamplingParams;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * What the sampler costs: prints microseconds of CPU time for a row of 49,152 logits in each mode,
 * out of a heap and a direct buffer. A program to be run by hand; it asserts nothing.
 *
 * <p>The logits are like a small model's: a bell of width 3 around 0 and some likely tokens.
 */
public final class SamplerCost {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int VOCABULARY = 49_152;
  private static final int ROWS = 32;
  private static final int ROUNDS = 9;
  private static final int STEPS = 20; // of a round

  private SamplerCost() {}

  /** One way to use the sampler. */
  private interface Draw {
    void row(FloatBuffer logits, int row) throws BadLogitsException;
  }

  private record Mode(String name, Draw draw) {}

  public static void main(String[] args) throws BadLogitsException {
    FloatBuffer heap = FloatBuffer.wrap(logits());
    FloatBuffer direct =
        ByteBuffer.allocateDirect(4 * heap.capacity())
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer()
            .put(heap)
            .clear();
    heap.clear();
    System.out.println(
        "microseconds of CPU time a row, median of " + ROUNDS + " rounds: heap, direct");
    for (Mode mode : modes()) {
      System.out.printf("%-28s", mode.name());
      for (FloatBuffer logits : List.of(heap, direct)) {
        System.out.printf(" %8.1f", microsPerRow(mode.draw(), logits));
      }
      System.out.println();
    }
  }

  private static List<Mode> modes() {
    Sampler sampler = new Sampler(VOCABULARY);
    LogProbs logProbs = new LogProbs(VOCABULARY, id -> "x");
    TokenCounts counts = new TokenCounts();
    for (int i = 0; i < 500; i++) {
      counts.addAnswer(i * 7);
    }
    SamplingParams greedy = params(0, 1, 0, 0, 0);
    List<Mode> modes = new ArrayList<>();
    modes.add(new Mode("greedy", sampling(sampler, greedy, null)));
    modes.add(new Mode("temperature 0.7", sampling(sampler, params(0.7, 1, 0, 0, 0), null)));
    modes.add(new Mode("temperature 1", sampling(sampler, params(1, 1, 0, 0, 0), null)));
    modes.add(new Mode("temperature 2", sampling(sampler, params(2, 1, 0, 0, 0), null)));
    modes.add(new Mode("top-p 0.9", sampling(sampler, params(1, 0.9, 0, 0, 0), null)));
    modes.add(new Mode("top-p 0.999", sampling(sampler, params(1, 0.999, 0, 0, 0), null)));
    modes.add(
        new Mode("top-p 0.95 temperature 2", sampling(sampler, params(2, 0.95, 0, 0, 0), null)));
    modes.add(new Mode("top-k 40", sampling(sampler, params(1, 1, 40, 0, 0), null)));
    modes.add(new Mode("top-k 40 top-p 0.9", sampling(sampler, params(1, 0.9, 40, 0, 0), null)));
    modes.add(new Mode("min-p 0.05", sampling(sampler, params(1, 1, 0, 0.05, 0), null)));
    modes.add(new Mode("penalties, greedy", sampling(sampler, params(0, 1, 0, 0, 0.5), counts)));
    modes.add(
        new Mode("penalties, temperature 1", sampling(sampler, params(1, 1, 0, 0, 0.5), counts)));
    modes.add(new Mode("logprobs", (logits, row) -> logProbs.of(logits, row, 5, 0)));
    modes.add(
        new Mode("logprobs, 20 alternatives", (logits, row) -> logProbs.of(logits, row, 5, 20)));
    return modes;
  }

  private static Draw sampling(Sampler sampler, SamplingParams params, TokenCounts counts) {
    return new Draw() {
      private int position;

      @Override
      public void row(FloatBuffer logits, int row) throws BadLogitsException {
        sampler.sample(logits, row, params, counts, position++);
      }
    };
  }

  private static double microsPerRow(Draw draw, FloatBuffer logits) throws BadLogitsException {
    double[] micros = new double[ROUNDS];
    for (int round = -ROUNDS; round < ROUNDS; round++) { // the first ones to warm up
      long started = THREADS.getCurrentThreadCpuTime();
      for (int step = 0; step < STEPS; step++) {
        for (int row = 0; row < ROWS; row++) {
          draw.row(logits, row);
        }
      }
      if (round >= 0) {
        micros[round] = (THREADS.getCurrentThreadCpuTime() - started) / 1e3 / (STEPS * ROWS);
      }
    }
    Arrays.sort(micros);
    return micros[ROUNDS / 2];
  }

  private static float[] logits() {
    Random random = new Random(1);
    float[] logits = new float[ROWS * VOCABULARY];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (3 * random.nextGaussian());
    }
    for (int row = 0; row < ROWS; row++) {
      for (int i = 0; i < 30; i++) {
        logits[row * VOCABULARY + random.nextInt(VOCABULARY)] =
            18 - (float) Math.abs(4 * random.nextGaussian());
      }
    }
    return logits;
  }

  private static SamplingParams params(
      double temperature, double topP, int topK, double minP, double presence) {
    return new SamplingParams(
        temperature, topP, topK, minP, 1, presence, 0, 42, List.of(), 1, false, false, 0);
  }
}
