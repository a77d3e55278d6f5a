package io.parley.workers.engine;

/**
 * What an engine takes outside of the Java heap, as estimated before it is loaded.
 *
 * @param weightsBytes the model's parameters, in the form that they have in memory
 * @param kvBytes keys and values, all of them from the start
 * @param workingBytes everything else: the graph, activations and logits of the largest step, text
 *     tables, and the runtime if this process has none yet
 */
public record EngineMemory(long weightsBytes, long kvBytes, long workingBytes) {
  public long totalBytes() {
    return weightsBytes + kvBytes + workingBytes;
  }
}
