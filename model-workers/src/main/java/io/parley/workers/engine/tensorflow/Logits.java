package io.parley.workers.engine.tensorflow;

import ai.djl.ndarray.NDArray;
import ai.djl.tensorflow.engine.TfNDArray;
import ai.djl.tensorflow.engine.javacpp.JavacppUtils;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Optional;
import org.tensorflow.internal.c_api.TF_Tensor;
import org.tensorflow.internal.c_api.global.tensorflow;

/**
 * The logits of one step, row by row: TensorFlow's own memory where a step is one call, else a copy
 * that is kept for the next step. They end with the next step.
 */
final class Logits {
  private static final FloatBuffer NONE = FloatBuffer.allocate(0);

  private final int width;
  private FloatBuffer copies = NONE;
  private FloatBuffer values = NONE;
  private NDArray array; // null: values are copies
  private TF_Tensor held; // its memory

  Logits(int vocabularySize) {
    this.width = vocabularySize;
  }

  /** Frees what was in it. */
  void forget() {
    values = NONE;
    if (array != null) {
      held.close();
      held = null;
      array.close();
      array = null;
    }
  }

  /** Makes room for copies. */
  void reserve(int rows) {
    int size = Math.multiplyExact(rows, width);
    if (copies.capacity() < size) {
      copies = FloatBuffer.allocate(size);
    }
    values = copies.clear().limit(size);
  }

  /** Takes over all rows, and the array with them. */
  void hold(NDArray rows) {
    rows.detach();
    array = rows;
    held = JavacppUtils.resolveTFETensor(((TfNDArray) rows).getHandle());
    values =
        tensorflow.TF_TensorData(held)
            .capacity(tensorflow.TF_TensorByteSize(held))
            .asByteBuffer()
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
  }

  /** Copies row i to {@code targets[i]}. */
  void put(NDArray rows, int[] targets) {
    if (targets.length == 0) {
      return;
    }
    FloatBuffer source = rows.toByteBuffer().asFloatBuffer();
    for (int i = 0; i < targets.length; i++) {
      values.put(targets[i] * width, source, i * width, width);
    }
  }

  /** What is held. */
  Optional<NDArray> array() {
    return Optional.ofNullable(array);
  }

  FloatBuffer all() {
    return values.position(0);
  }
}
