package io.parley.workers.engine.tensorflow;

import ai.djl.ndarray.NDArray;
import ai.djl.tensorflow.engine.TfNDArray;
import ai.djl.tensorflow.engine.javacpp.JavacppUtils;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.PointerScope;
import org.tensorflow.internal.c_api.TF_Tensor;
import org.tensorflow.internal.c_api.global.tensorflow;

/** The logits of one step, row by row; the memory is kept for the next one. */
final class Logits {
  private final int width;
  private FloatBuffer values = FloatBuffer.allocate(0);

  Logits(int vocabularySize) {
    this.width = vocabularySize;
  }

  /** Forgets what was in it and makes room. */
  void reserve(int rows) {
    int size = Math.multiplyExact(rows, width);
    if (values.capacity() < size) {
      values = FloatBuffer.allocate(size);
    }
    values.clear().limit(size);
  }

  /** Copies all rows, once: they are megabytes. */
  void put(NDArray rows) {
    if (values.limit() == 0) {
      return;
    }
    try (PointerScope scope = new PointerScope();
        TF_Tensor tensor = JavacppUtils.resolveTFETensor(((TfNDArray) rows).getHandle())) {
      scope.attach(tensor);
      FloatBuffer source =
          tensorflow.TF_TensorData(tensor)
              .capacity(tensorflow.TF_TensorByteSize(tensor))
              .asByteBuffer()
              .order(ByteOrder.nativeOrder())
              .asFloatBuffer();
      values.put(0, source, 0, values.limit());
    }
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

  FloatBuffer all() {
    return values.position(0);
  }
}
