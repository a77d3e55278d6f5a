package io.parley.workers.batch;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import io.parley.workers.replica.Replica;
import io.parley.workers.replica.Works;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * What an iteration costs beside the engine's step: prints microseconds of CPU time for 32 decoding
 * rows, without and with the sampling of 49,152 logits. A program to be run by hand; it asserts
 * nothing.
 */
public final class IterationCost {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int ROWS = 32;
  private static final int CONTEXT = 2048;
  private static final int ITERATIONS = 1500;
  private static final int ROUNDS = 8;

  private IterationCost() {}

  public static void main(String[] args) {
    System.out.println("microseconds of CPU time an iteration of " + ROWS + " rows");
    System.out.printf("scheduling alone      %8.1f%n", microsPerIteration(FakeModel.VOCABULARY, 0));
    System.out.printf("and greedy sampling   %8.1f%n", microsPerIteration(49_152, 0));
    System.out.printf("and temperature 1     %8.1f%n", microsPerIteration(49_152, 1));
  }

  private static double microsPerIteration(int vocabulary, double temperature) {
    SamplingParams sampling =
        new SamplingParams(
            temperature, 1, 0, 0, 1, 0, 0, 7, List.of("stop here"), CONTEXT, true, false, 0);
    EngineSpec spec = new EngineSpec(vocabulary, CONTEXT, 64, ROWS * CONTEXT / 64, 512, "none");
    FakeModel text = new FakeModel(FakeModel.spec(CONTEXT, 64, 1, 512), ROWS);
    double[] micros = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      ModelInfo model = new ModelInfo(Works.MODEL, CONTEXT, 0, "test", "none");
      BatcherSettings settings = new BatcherSettings(ROWS, 512, 128, true, 1, 1, 4, 16);
      Batcher batcher = new Batcher(new Instant(spec), text, model, settings);
      for (int n = 0; n < ROWS; n++) {
        batcher.admit(Works.work(n, "x", sampling), prompt(n), 0, new Deaf());
      }
      for (int i = 0; i < 100; i++) {
        batcher.iterate(0);
      }
      int iterations = vocabulary > 1000 ? ITERATIONS / 10 : ITERATIONS;
      long started = THREADS.getCurrentThreadCpuTime();
      for (int i = 0; i < iterations; i++) {
        batcher.iterate(0);
      }
      micros[round] = (THREADS.getCurrentThreadCpuTime() - started) / 1e3 / iterations;
    }
    double[] warm = Arrays.copyOfRange(micros, ROUNDS / 2, ROUNDS);
    return Arrays.stream(warm).min().orElseThrow();
  }

  private static int[] prompt(int n) {
    return new Random(n).ints(100, 0, FakeModel.END).toArray();
  }

  /** Logits at once, the likeliest token being a letter. */
  private static final class Instant implements Engine {
    private final EngineSpec spec;
    private final FloatBuffer logits;

    Instant(EngineSpec spec) {
      this.spec = spec;
      Random random = new Random(1);
      float[] rows = new float[ROWS * spec.vocabularySize()];
      for (int i = 0; i < rows.length; i++) {
        boolean letter = i % spec.vocabularySize() < FakeModel.END;
        rows[i] = letter ? 20 + random.nextFloat() : (float) (3 * random.nextGaussian());
      }
      logits = FloatBuffer.wrap(rows);
    }

    @Override
    public EngineSpec spec() {
      return spec;
    }

    @Override
    public FloatBuffer step(StepInput input) {
      return logits;
    }

    @Override
    public void close() {}
  }

  private static final class Deaf implements Replica.Listener {
    @Override
    public void admitted(PromptInfo prompt) {}

    @Override
    public void token(Token token) {}

    @Override
    public void finished(Finish finish) {}

    @Override
    public void failed(FailureCode code, String message) {}
  }
}
