package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.RowSums;
import io.parley.workers.engine.StepInput;
import java.util.Optional;

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

  /** See {@link io.parley.workers.engine.Engine#weigh}. */
  default Optional<RowSums> weigh(Logits logits, int[] rows, double[] scales) {
    return Optional.empty();
  }
}
