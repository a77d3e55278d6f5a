package io.parley.workers.engine.tensorflow;

import org.tensorflow.ndarray.Shape;
import org.tensorflow.types.family.TType;

/** A variable of a graph that is filled from the SavedModel's checkpoint. */
interface StoredVariable {
  String name();

  /** Variables of one group are saved together. */
  int group();

  /** As it is in the checkpoint. */
  Class<? extends TType> storedType();

  Shape shape();
}
