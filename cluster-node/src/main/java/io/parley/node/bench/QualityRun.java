package io.parley.node.bench;

import io.parley.workers.engine.Engine;
import io.parley.workers.engine.StepInput;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Feeds one text to several engines of one vocabulary, side by side, and compares each with the
 * first. The text is cut into windows, each from an empty context; every token but the first of its
 * window is scored.
 */
public final class QualityRun {
  private static final int PIECE = 64; // tokens of a step: bounds the logits that are held

  private final List<Engine> engines;
  private final int window;

  /**
   * @throws IllegalArgumentException when the engines do not fit each other or the window
   */
  public QualityRun(List<Engine> engines, int window) {
    for (Engine engine : engines) {
      require(
          engine.spec().vocabularySize() == engines.get(0).spec().vocabularySize(),
          "the models have different vocabularies");
      require(
          window >= 2 && window <= engine.spec().contextLength(),
          "a window has 2 to " + engine.spec().contextLength() + " tokens");
      require(
          blocks(engine, window) <= engine.spec().blocks()
              && PIECE <= engine.spec().maxBatchTokens(),
          "the engine's KV memory or batch is too small for a window of " + window + " tokens");
    }
    this.engines = List.copyOf(engines);
    this.window = window;
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  private static int blocks(Engine engine, int tokens) {
    return (tokens + engine.spec().blockSize() - 1) / engine.spec().blockSize();
  }

  /** The engines' summaries in their order, the first one compared with itself. */
  public List<Quality.Summary> run(int[] text) {
    List<Quality> qualities = new ArrayList<>();
    engines.forEach(engine -> qualities.add(new Quality(engine.spec().vocabularySize())));
    for (int from = 0; from < text.length; from += window) {
      runWindow(Arrays.copyOfRange(text, from, Math.min(text.length, from + window)), qualities);
    }
    return qualities.stream().map(Quality::summary).toList();
  }

  private void runWindow(int[] tokens, List<Quality> qualities) {
    int vocabulary = engines.get(0).spec().vocabularySize();
    for (int from = 0; from < tokens.length - 1; from += PIECE) {
      int count = Math.min(PIECE, tokens.length - 1 - from);
      FloatBuffer reference = null;
      for (int i = 0; i < engines.size(); i++) {
        FloatBuffer logits = step(engines.get(i), tokens, from, count);
        reference = i == 0 ? logits : reference;
        for (int row = 0; row < count; row++) {
          qualities.get(i).add(logits, reference, row * vocabulary, tokens[from + row + 1]);
        }
      }
    }
  }

  private FloatBuffer step(Engine engine, int[] tokens, int from, int count) {
    int[] table = IntStream.range(0, blocks(engine, window)).toArray();
    return engine.step(
        new StepInput(
            Arrays.copyOfRange(tokens, from, from + count),
            IntStream.range(from, from + count).toArray(),
            new int[count],
            new int[][] {table},
            IntStream.range(0, count).toArray()));
  }
}
