package io.parley.workers.engine;

/**
 * What an engine offers.
 *
 * @param vocabularySize columns of the logits
 * @param contextLength the most positions of a sequence
 * @param blockSize positions in a KV block
 * @param blocks KV blocks in all; ids are 0 to blocks-1
 * @param maxBatchTokens the most input tokens of one step
 * @param variant names the arithmetic: same variant, same weights, same bits
 * @param cheapRows rows up to which one more costs a step little beside reading the weights, each
 *     the same bits whatever else is in the step; 0: there are none, or a row depends on the others
 */
public record EngineSpec(
    int vocabularySize,
    int contextLength,
    int blockSize,
    int blocks,
    int maxBatchTokens,
    String variant,
    int cheapRows) {
  /** How the variants begin whose rows depend on what else is in the step. */
  public static final String GRAPH_VARIANTS = "tf-graph-";

  /** How the variants of Parley's kernels begin. */
  public static final String KERNEL_VARIANTS = "parley-";

  /** An engine without cheap rows. */
  public EngineSpec(
      int vocabularySize,
      int contextLength,
      int blockSize,
      int blocks,
      int maxBatchTokens,
      String variant) {
    this(vocabularySize, contextLength, blockSize, blocks, maxBatchTokens, variant, 0);
  }
}
