package io.parley.node.bench;

import io.parley.workers.engine.Encoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** The bare encoder: forward passes over texts of one length, with no queue, tokenizer or HTTP. */
public final class EncoderLoop {
  /** The compiler of the JVM, the clock and the caches of the processor settle within it. */
  private static final long WARM_UP_NANOS = 1_000_000_000L;

  private static final long MEASURED_NANOS = 4_000_000_000L;
  private static final int PASSES_MIN = 5;

  private final Encoder encoder;

  public EncoderLoop(Encoder encoder) {
    this.encoder = encoder;
  }

  /**
   * What was measured.
   *
   * @param textsPerSecond over the whole time
   * @param medianPassMillis of one forward pass
   */
  public record Speed(double textsPerSecond, double medianPassMillis) {}

  /**
   * Embeds {@code batch} texts of {@code tokens} tokens at a time.
   *
   * @throws IllegalArgumentException when a text is longer than the model takes
   */
  public Speed embed(int batch, int tokens) {
    Random random = new Random(1);
    List<int[]> texts = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      texts.add(random.ints(tokens, 0, encoder.spec().vocabularySize()).toArray());
    }
    passes(texts, WARM_UP_NANOS);
    long[] nanos = passes(texts, MEASURED_NANOS);
    double seconds = Arrays.stream(nanos).sum() / 1e9;
    Arrays.sort(nanos);
    return new Speed(batch * nanos.length / seconds, nanos[nanos.length / 2] / 1e6);
  }

  private long[] passes(List<int[]> texts, long totalNanos) {
    List<Long> nanos = new ArrayList<>();
    long begun = System.nanoTime();
    while (nanos.size() < PASSES_MIN || System.nanoTime() - begun < totalNanos) {
      long started = System.nanoTime();
      encoder.embed(texts);
      nanos.add(System.nanoTime() - started);
    }
    return nanos.stream().mapToLong(Long::longValue).toArray();
  }
}
