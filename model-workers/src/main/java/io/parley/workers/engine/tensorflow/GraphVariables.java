package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineSettings;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TString;
import org.tensorflow.types.family.TType;

/**
 * The graph's resource variables: weights, which are filled from the SavedModel's checkpoint when
 * it is loaded, and KV memory, which {@code reset} makes.
 *
 * <p>Weights are variables because constants would count against the 2 GB limit of a graph, be
 * parsed into the Java heap, and be copied several times while loading.
 */
final class GraphVariables {
  private record Typed(VarHandleOp handle, Class<? extends TType> type) {}

  /** Names that the SavedModel's loader needs. */
  record Restore(String checkpointTensor, String operation) {}

  private final Ops tf;
  private final LlamaConfig config;
  private final Map<String, Typed> variables = new HashMap<>();

  GraphVariables(Ops tf, LlamaConfig config, Arithmetic arithmetic) {
    this.tf = tf;
    this.config = config;
    for (LlamaWeights.Variable weight : new LlamaWeights(config).variables()) {
      declareWeight(weight, arithmetic);
    }
    if (config.tiedHead()) {
      Shape shape = Shape.of(config.hidden(), config.vocabularySize());
      declare(LlamaWeights.HEAD, TFloat32.class, shape);
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      Shape shape = Shape.of(Shape.UNKNOWN_SIZE, EngineSettings.BLOCK_SIZE, config.headSize());
      declare(LlamaWeights.name(layer, "keys"), TFloat32.class, shape);
      declare(LlamaWeights.name(layer, "values"), TFloat32.class, shape);
    }
  }

  /** Logits are always of 32-bit floats; the embedding is only looked up, so it stays narrow. */
  private void declareWeight(LlamaWeights.Variable weight, Arithmetic arithmetic) {
    boolean narrow =
        switch (weight.name()) {
          case LlamaWeights.EMBEDDING -> true;
          case LlamaWeights.HEAD -> false;
          default -> arithmetic == Arithmetic.BF16 && !weight.isVector();
        };
    Shape shape =
        weight.isVector() ? Shape.of(weight.columns()) : Shape.of(weight.rows(), weight.columns());
    declare(weight.name(), narrow ? TBfloat16.class : TFloat32.class, shape);
  }

  private void declare(String name, Class<? extends TType> type, Shape shape) {
    VarHandleOp handle = tf.varHandleOp(type, shape, VarHandleOp.sharedName(name));
    variables.put(name, new Typed(handle, type));
  }

  VarHandleOp handle(String name) {
    return variables.get(name).handle();
  }

  /**
   * Adds the operations that fill the weights: one after the other, so that no more than one tensor
   * is there twice, and widened on the way.
   */
  Restore restore() {
    Placeholder<TString> checkpoint =
        tf.withName("checkpoint").placeholder(TString.class, Placeholder.shape(Shape.scalar()));
    Op last = checkpoint;
    for (LlamaWeights.Variable weight : new LlamaWeights(config).variables()) {
      Class<? extends TType> type = weight.isVector() ? TFloat32.class : TBfloat16.class;
      Operand<?> stored =
          tf.withControlDependencies(last)
              .train
              .restore(
                  checkpoint,
                  strings(weight.name()),
                  strings(""),
                  List.<Class<? extends TType>>of(type))
              .tensors()
              .get(0);
      last = assign(weight.name(), type, stored);
      if (weight.name().equals(LlamaWeights.EMBEDDING) && config.tiedHead()) {
        Operand<?> transposed = tf.linalg.transpose(stored, tf.constant(new int[] {1, 0}));
        last = tf.withControlDependencies(last, assign(LlamaWeights.HEAD, type, transposed)).noOp();
      }
    }
    Op all = tf.withName("restore").withControlDependencies(last).noOp();
    return new Restore(checkpoint.asOutput().op().name() + ":0", all.op().name());
  }

  private Operand<TString> strings(String value) {
    return tf.constant(java.nio.charset.StandardCharsets.UTF_8, new String[] {value});
  }

  private Op assign(String name, Class<? extends TType> stored, Operand<?> value) {
    Typed variable = variables.get(name);
    Operand<?> wanted =
        variable.type().equals(stored) ? value : tf.dtypes.cast(value, variable.type());
    return tf.assignVariableOp(variable.handle(), wanted);
  }
}
