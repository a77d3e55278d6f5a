package io.parley.workers.engine.tensorflow;

/**
 * What a model's arithmetic asks of a machine, whatever computes it.
 *
 * @param weightBytes read by each step
 * @param positionBytes of keys and values, read of each position that a sequence has
 * @param tokenOperations multiplications and additions for each token of a step, but for its logits
 * @param logitsOperations for each token whose logits are wanted
 * @param attendedOperations for each position that a token attends to
 */
public record StepCost(
    long weightBytes,
    long positionBytes,
    long tokenOperations,
    long logitsOperations,
    long attendedOperations) {

  /** Of a model with Parley's kernels. */
  static StepCost of(DecoderConfig config, DecoderWeights weights) {
    String head = config.tiedHead() ? DecoderWeights.EMBEDDING : DecoderWeights.HEAD;
    long bytes = 0;
    long layers = 0;
    long logits = 0;
    for (DecoderWeights.Variable weight : weights.variables()) {
      boolean lookedUpOnly = weight.name().equals(DecoderWeights.EMBEDDING) && !config.tiedHead();
      if (weight.isVector() || lookedUpOnly) {
        continue;
      }
      bytes += weight.bytes();
      long operations = 2L * weight.inputs() * weight.columns();
      if (weight.name().equals(head)) {
        logits += operations;
      } else {
        layers += operations;
      }
    }
    long attended = 4L * config.layers().size() * config.heads() * config.headSize();
    return new StepCost(bytes, config.blockValues(1) * Short.BYTES, layers, logits, attended);
  }

  /** What a step of one token in each of {@code sequences} reads, each {@code context} long. */
  public long decodeBytes(int sequences, int context) {
    return weightBytes + positionBytes * sequences * context;
  }

  public long decodeOperations(int sequences, int context) {
    return sequences * (tokenOperations + logitsOperations + attendedOperations * context);
  }

  /** What a whole prompt reads in so many steps, without what it has just written itself. */
  public long prefillBytes(int steps) {
    return weightBytes * steps;
  }

  public long prefillOperations(int tokens) {
    long attended = tokens * (tokens + 1L) / 2;
    return tokens * tokenOperations + logitsOperations + attendedOperations * attended;
  }
}
