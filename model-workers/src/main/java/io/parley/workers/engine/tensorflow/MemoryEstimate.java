package io.parley.workers.engine.tensorflow;

import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.WeightType;

/**
 * What a model will take in memory, from its file's header alone. The constants are measured; the
 * decision page "model lifecycle" has the figures.
 */
final class MemoryEstimate {
  /** Code and tables of TensorFlow and DJL; once in a process. */
  private static final long RUNTIME_BYTES = 256L << 20;

  /** Vocabulary, chat template, graph and threads of a model. */
  private static final long FIXED_BYTES = 48L << 20;

  private MemoryEstimate() {}

  /**
   * @param type how the weights are held
   * @param kernels whether the graph is of Parley's operations
   * @param rows the most rows of logits in one step
   * @param first whether the runtime is still to be loaded
   */
  static EngineMemory of(
      DecoderConfig config,
      EngineSettings settings,
      WeightType type,
      boolean kernels,
      int rows,
      boolean first) {
    boolean wide = !kernels && TensorFlowEngine.arithmetic(settings) == Arithmetic.F32;
    DecoderWeights weights =
        kernels ? DecoderWeights.packed(config, type) : DecoderWeights.transposed(config);
    long weightsBytes = 0;
    long largest = 0;
    for (DecoderWeights.Variable variable : weights.variables()) {
      long bytes = wide ? variable.shape().size() * Float.BYTES : variable.bytes();
      weightsBytes += bytes;
      largest = Math.max(largest, bytes);
    }
    if (!kernels && config.tiedHead()) {
      // the embedding once more, turned, and of 32-bit floats
      weightsBytes += (long) config.hidden() * config.vocabularySize() * Float.BYTES;
    }
    int valueBytes = kernels ? Short.BYTES : Float.BYTES;
    long kvBytes =
        TensorFlowEngine.blocks(settings, config, valueBytes)
            * config.blockValues(EngineSettings.BLOCK_SIZE)
            * valueBytes;
    long widths =
        4L * config.hidden()
            + 3L * (config.heads() + 2 * config.kvHeads()) * config.headSize()
            + 3L * config.feedForward();
    long working =
        // a tensor is there twice while it is loaded
        largest
            + settings.maxBatchTokens() * widths * Float.BYTES
            + (long) rows * config.vocabularySize() * Float.BYTES
            + (kernels ? 0 : PlannedPass.SCRATCH_FLOATS * Float.BYTES)
            + FIXED_BYTES
            + (first ? RUNTIME_BYTES : 0);
    return new EngineMemory(weightsBytes, kvBytes, working);
  }

  /**
   * Of an encoder, which has no KV memory.
   *
   * @param rows the most tokens in one call
   * @param first whether the runtime is still to be loaded
   */
  static EngineMemory of(EncoderConfig config, EncoderWeights weights, int rows, boolean first) {
    long weightsBytes = 0;
    long largest = 0;
    for (EncoderWeights.Variable variable : weights.variables()) {
      weightsBytes += variable.bytes();
      largest = Math.max(largest, variable.bytes());
    }
    long widths = 8L * config.hidden() + 2L * config.feedForward();
    // scores of the longest text; the kernels make them piece by piece
    long scores = (long) config.heads() * config.contextLength() * config.contextLength();
    long working =
        // a tensor is there twice while it is loaded
        largest
            + (rows * widths + scores) * Float.BYTES
            + FIXED_BYTES
            + (first ? RUNTIME_BYTES : 0);
    return new EngineMemory(weightsBytes, 0, working);
  }
}
