package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.Kernels;
import org.tensorflow.Graph;
import org.tensorflow.Session;
import org.tensorflow.exceptions.TensorFlowException;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

/**
 * What this machine gives at the most, measured with the instructions that the kernels use.
 *
 * @param bytesPerSecond read from memory by all threads together
 * @param operationsPerSecond multiplications and additions with everything in registers
 */
public record MachineLimits(double bytesPerSecond, double operationsPerSecond) {

  /** Takes about a second and 1 GiB. The library must have been loaded. */
  static MachineLimits measure(Kernels variant, int threads) {
    try (Graph graph = new Graph();
        Session session = new Session(graph)) {
      Ops tf = Ops.create(graph);
      int[] execution = {KernelGraph.number(variant), threads};
      org.tensorflow.Output<?> limits =
          tf.scope()
              .opBuilder("ParleyLimits", "limits")
              .addInput(tf.constant(execution).asOutput())
              .build()
              .output(0);
      try (var result = session.runner().fetch(limits).run()) {
        TFloat32 values = (TFloat32) result.get(0);
        return new MachineLimits(values.getFloat(0), values.getFloat(1));
      }
    } catch (TensorFlowException e) {
      throw new EngineException("cannot measure the machine: " + e.getMessage(), e);
    }
  }
}
