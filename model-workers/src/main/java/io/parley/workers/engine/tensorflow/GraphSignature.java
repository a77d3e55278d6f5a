package io.parley.workers.engine.tensorflow;

import java.util.Map;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorShapeProto;
import org.tensorflow.types.family.TType;

/** A named way to call the graph: tensors in by name, one tensor out. */
record GraphSignature(
    String key, Map<String, Operand<?>> inputs, String outputName, Operand<?> output) {
  SignatureDef toProto() {
    SignatureDef.Builder proto = SignatureDef.newBuilder();
    inputs.forEach((name, input) -> proto.putInputs(name, describe(input)));
    return proto.putOutputs(outputName, describe(output)).build();
  }

  private static TensorInfo describe(Operand<? extends TType> operand) {
    Output<?> output = operand.asOutput();
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    if (output.shape().isUnknown()) {
      shape.setUnknownRank(true);
    } else {
      for (long size : output.shape().asArray()) {
        shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size));
      }
    }
    return TensorInfo.newBuilder()
        .setName(output.op().name() + ":" + output.index())
        .setDtype(output.dataType())
        .setTensorShape(shape)
        .build();
  }
}
