package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.StepInput;

/** How a loaded graph is called for a step. */
interface ForwardPass {
  /**
   * Makes the KV memory, empty.
   *
   * @param blocks how many
   */
  void reset(int blocks);

  /**
   * Runs a step.
   *
   * @param input checked by {@link StepChecks}
   * @param logits empty; gets the wanted rows
   */
  void run(StepInput input, Logits logits);
}
