package io.parley.node.bench;

import io.parley.routing.protocol.SamplingParams;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import io.parley.workers.sampling.BadLogitsException;
import io.parley.workers.sampling.Sampler;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.LongStream;

/**
 * The bare engine loop: forward passes and sampling, with no batcher, session, journal or HTTP.
 * What it reaches is the most that a node can reach with the engine.
 */
public final class EngineLoop {
  /** The compiler of the JVM, the clock and the caches of the processor settle within it. */
  private static final long WARM_UP_NANOS = 2_000_000_000L;

  private final Engine engine;
  private final SamplingParams sampling;
  private final Sampler sampler;

  /**
   * @param temperature of each draw; 0: greedy
   */
  public EngineLoop(Engine engine, double temperature) {
    this.engine = engine;
    this.sampling =
        new SamplingParams(temperature, 1, 0, 0, 1, 0, 0, 1, List.of(), 1, true, false, 0);
    this.sampler = new Sampler(engine.spec().vocabularySize());
  }

  /**
   * What was measured.
   *
   * @param tokensPerSecond of all sequences, over the whole time
   * @param medianStepMillis of one forward pass with its sampling; of all passes that a prompt
   *     needs
   */
  public record Speed(double tokensPerSecond, double medianStepMillis) {
    private static Speed of(long[] nanos, int tokensOfEach) {
      long[] sorted = nanos.clone();
      Arrays.sort(sorted);
      double seconds = LongStream.of(nanos).sum() / 1e9;
      return new Speed(
          (double) tokensOfEach * nanos.length / seconds, sorted[sorted.length / 2] / 1e6);
    }
  }

  /**
   * Decodes {@code steps} tokens in each of {@code batch} sequences, behind {@code context} others.
   * What lies in their KV memory is whatever is there: the work is the same.
   *
   * @throws IllegalArgumentException when the engine's KV memory or context is too small for it
   */
  public Speed decode(int batch, int context, int steps) {
    int[][] tables = tables(batch, context + steps);
    int[] tokens = new int[batch];
    Arrays.fill(tokens, 1);
    return measure(batch, steps, step -> decodeOne(tokens, context + step, tables));
  }

  /**
   * Computes a prompt from nothing, {@code times} times over.
   *
   * @throws IllegalArgumentException when the engine's KV memory or context is too small for it
   */
  public Speed prefill(int tokens, int times) {
    int[][] tables = tables(1, tokens);
    return measure(tokens, times, step -> prefillOne(tables[0], tokens));
  }

  /** Runs steps 0 to {@code steps - 1}, before that the same ones until the machine is warm. */
  private static Speed measure(int tokensOfEach, int steps, IntConsumer step) {
    long startedNanos = System.nanoTime();
    for (int i = 0; System.nanoTime() - startedNanos < WARM_UP_NANOS; i = (i + 1) % steps) {
      step.accept(i);
    }
    long[] nanos = new long[steps];
    for (int i = 0; i < steps; i++) {
      long stepStartedNanos = System.nanoTime();
      step.accept(i);
      nanos[i] = System.nanoTime() - stepStartedNanos;
    }
    return Speed.of(nanos, tokensOfEach);
  }

  private void decodeOne(int[] tokens, int position, int[][] tables) {
    int[] positions = new int[tokens.length];
    Arrays.fill(positions, position);
    int[] sequences = iota(tokens.length);
    FloatBuffer logits =
        engine.step(new StepInput(tokens, positions, sequences, tables, sequences));
    double scale = Sampler.scaleOfSums(sampling, true);
    if (scale > 0) {
      double[] scales = new double[tokens.length];
      Arrays.fill(scales, scale);
      sampler.know(engine.weigh(sequences, scales).orElse(null));
    }
    try {
      for (int row = 0; row < tokens.length; row++) {
        tokens[row] = sampler.sample(logits, row, sampling, null, position);
      }
    } catch (BadLogitsException e) {
      throw new IllegalStateException("the model computes nothing sound: " + e.getMessage(), e);
    }
  }

  private void prefillOne(int[] table, int count) {
    int chunk = engine.spec().maxBatchTokens();
    for (int from = 0; from < count; from += chunk) {
      int length = Math.min(chunk, count - from);
      int[] tokens = new int[length];
      int[] positions = new int[length];
      for (int i = 0; i < length; i++) {
        tokens[i] = 100 + (from + i) % 1000; // any ids do: the work is the same
        positions[i] = from + i;
      }
      int[] rows = from + length == count ? new int[] {length - 1} : new int[0];
      engine.step(new StepInput(tokens, positions, new int[length], new int[][] {table}, rows));
    }
  }

  private int[][] tables(int sequences, int positions) {
    EngineSpec spec = engine.spec();
    int blocksEach = (positions + spec.blockSize() - 1) / spec.blockSize();
    if (positions > spec.contextLength() || (long) blocksEach * sequences > spec.blocks()) {
      throw new IllegalArgumentException(
          sequences + " sequences of " + positions + " tokens do not fit the engine's KV memory");
    }
    int[][] tables = new int[sequences][blocksEach];
    for (int sequence = 0; sequence < sequences; sequence++) {
      for (int block = 0; block < blocksEach; block++) {
        tables[sequence][block] = sequence * blocksEach + block;
      }
    }
    return tables;
  }

  private static int[] iota(int count) {
    int[] values = new int[count];
    Arrays.setAll(values, i -> i);
    return values;
  }
}
