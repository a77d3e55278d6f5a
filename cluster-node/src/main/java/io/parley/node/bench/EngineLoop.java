package io.parley.node.bench;

import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * The bare engine loop: forward passes and greedy sampling, with no batcher, session, journal or
 * HTTP. What it reaches is the most that a node can reach with the engine.
 */
public final class EngineLoop {
  private static final int WARM_UP_STEPS = 3;

  private final Engine engine;

  public EngineLoop(Engine engine) {
    this.engine = engine;
  }

  /**
   * Decodes {@code steps} tokens in each of {@code batch} sequences, behind a prompt of {@code
   * context} tokens.
   *
   * @return tokens per second of all sequences
   * @throws IllegalArgumentException when the engine's KV memory or context is too small for it
   */
  public double decode(int batch, int context, int steps) {
    int[][] tables = tables(batch, context + steps + WARM_UP_STEPS);
    for (int sequence = 0; sequence < batch; sequence++) {
      prefillOne(tables[sequence], context);
    }
    int[] tokens = new int[batch];
    Arrays.fill(tokens, 1);
    int[] sequences = iota(batch);
    long startedNanos = 0;
    for (int step = 0; step < WARM_UP_STEPS + steps; step++) {
      if (step == WARM_UP_STEPS) {
        startedNanos = System.nanoTime();
      }
      int[] positions = new int[batch];
      Arrays.fill(positions, context + step);
      FloatBuffer logits =
          engine.step(new StepInput(tokens, positions, sequences, tables, sequences));
      for (int row = 0; row < batch; row++) {
        tokens[row] = argMax(logits, row);
      }
    }
    return batch * (double) steps / ((System.nanoTime() - startedNanos) / 1e9);
  }

  /**
   * Computes a prompt from nothing, {@code times} times over.
   *
   * @return tokens per second
   */
  public double prefill(int tokens, int times) {
    int[][] tables = tables(1, tokens);
    prefillOne(tables[0], tokens);
    long startedNanos = System.nanoTime();
    for (int i = 0; i < times; i++) {
      prefillOne(tables[0], tokens);
    }
    return tokens * (double) times / ((System.nanoTime() - startedNanos) / 1e9);
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

  private int argMax(FloatBuffer logits, int row) {
    int size = engine.spec().vocabularySize();
    int best = 0;
    for (int id = 1; id < size; id++) {
      if (logits.get(row * size + id) > logits.get(row * size + best)) {
        best = id;
      }
    }
    return best;
  }

  private static int[] iota(int count) {
    int[] values = new int[count];
    Arrays.setAll(values, i -> i);
    return values;
  }
}
