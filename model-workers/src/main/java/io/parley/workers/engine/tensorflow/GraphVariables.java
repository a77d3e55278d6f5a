package io.parley.workers.engine.tensorflow;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
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
  /** Its one input has one value, which does not matter. */
  static final String GIVE_BACK = "give_back";

  private record Typed(VarHandleOp handle, Class<? extends TType> type) {}

  /** Names that the SavedModel's loader needs. */
  record Restore(String checkpointTensor, String operation) {}

  private final Ops tf;
  private final Map<String, Typed> variables = new LinkedHashMap<>();

  GraphVariables(Ops tf) {
    this.tf = tf;
  }

  /** A weight, of the type that it has in memory. */
  void declare(StoredVariable weight, Class<? extends TType> type) {
    declare(weight.name(), type, weight.shape());
  }

  void declare(String name, Class<? extends TType> type, Shape shape) {
    VarHandleOp handle = tf.varHandleOp(type, shape, VarHandleOp.sharedName(name));
    variables.put(name, new Typed(handle, type));
  }

  VarHandleOp handle(String name) {
    return variables.get(name).handle();
  }

  /**
   * Adds the operations that fill the weights: one after the other, so that no more than one tensor
   * is there twice, and widened on the way.
   *
   * @param transposed variables that are the transposition of a weight, by the weight's name
   */
  Restore restore(List<? extends StoredVariable> weights, Map<String, String> transposed) {
    Placeholder<TString> checkpoint =
        tf.withName("checkpoint").placeholder(TString.class, Placeholder.shape(Shape.scalar()));
    Op last = checkpoint;
    for (StoredVariable weight : weights) {
      Class<? extends TType> type = weight.storedType();
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
      String other = transposed.get(weight.name());
      if (other != null) {
        Operand<?> turned = tf.linalg.transpose(stored, tf.constant(new int[] {1, 0}));
        last = tf.withControlDependencies(last, assign(other, type, turned)).noOp();
      }
    }
    Op all = tf.withName("restore").withControlDependencies(last).noOp();
    return new Restore(checkpoint.asOutput().op().name() + ":0", all.op().name());
  }

  /**
   * Gives the memory of all variables back to the system. Nothing can be computed afterwards. Needs
   * Parley's operations.
   */
  GraphSignature giveBack() {
    Placeholder<TInt32> go = tf.placeholder(TInt32.class, Placeholder.shape(Shape.of(1)));
    Output<?>[] handles =
        variables.values().stream()
            .map(variable -> variable.handle().asOutput())
            .toArray(Output<?>[]::new);
    Operand<TFloat32> bytes =
        tf.scope()
            .opBuilder("ParleyGiveBack", "ParleyGiveBack")
            .addInput(go.asOutput())
            .addInputList(handles)
            .build()
            .output(0);
    return new GraphSignature(GIVE_BACK, Map.of("go", go), "bytes", bytes);
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
