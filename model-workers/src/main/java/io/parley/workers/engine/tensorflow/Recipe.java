package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.WeightType;

/** How a model file becomes a graph and its weights. */
enum Recipe {
  /** TensorFlow's own operations, products of 32-bit floats. */
  GRAPH_F32("1-f32"),
  /** TensorFlow's own operations, products of bfloat16. */
  GRAPH_BF16("1-bf16"),
  /** Parley's operations. */
  KERNELS("7-kernels"),
  /** Parley's operations, weights of 8-bit integers. */
  KERNELS_INT8("7-kernels-int8");

  private final String label;

  Recipe(String label) {
    this.label = label;
  }

  /**
   * Names the import. The number is raised when the graph or the stored weights change, so that
   * older imports are not used.
   */
  String label() {
    return label;
  }

  static Recipe ofKernels(WeightType weights) {
    return weights == WeightType.INT8 ? KERNELS_INT8 : KERNELS;
  }

  static Recipe ofGraph(Arithmetic arithmetic) {
    return arithmetic == Arithmetic.BF16 ? GRAPH_BF16 : GRAPH_F32;
  }
}
