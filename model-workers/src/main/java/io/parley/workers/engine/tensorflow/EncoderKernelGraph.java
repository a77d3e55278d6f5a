package io.parley.workers.engine.tensorflow;

import io.parley.workers.encoder.EncoderConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.OperationBuilder;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The forward pass of BERT, made of Parley's own operations ({@code src/main/native}). The tokens
 * of all texts lie behind one another, with nothing between them, so that a text costs what it is
 * long, and no text sees another: a text's embedding is the same bits in every batch.
 */
final class EncoderKernelGraph {
  static final String EMBED = "embed";

  private final EncoderConfig config;
  private final Ops tf;
  private final GraphVariables variables;

  private EncoderKernelGraph(Graph graph, EncoderConfig config, EncoderWeights weights) {
    this.config = config;
    this.tf = Ops.create(graph);
    this.variables = new GraphVariables(tf);
    for (EncoderWeights.Variable weight : weights.variables()) {
      variables.declare(weight, weight.storedType());
    }
  }

  /** What these operations lack for a model, if something. */
  static Optional<String> obstacle(EncoderConfig config) {
    boolean fits =
        config.headSize() % 16 == 0 && config.hidden() % 16 == 0 && config.feedForward() % 16 == 0;
    return fits ? Optional.empty() : Optional.of("its widths are not multiples of 16");
  }

  /**
   * Adds all of it to an empty graph. The library must have been loaded.
   *
   * @param weights packed
   */
  static BuiltGraph build(Graph graph, EncoderConfig config, EncoderWeights weights) {
    EncoderKernelGraph encoder = new EncoderKernelGraph(graph, config, weights);
    GraphVariables.Restore restore = encoder.variables.restore(weights.variables(), Map.of());
    return new BuiltGraph(List.of(encoder.embed(), encoder.variables.giveBack()), restore);
  }

  private GraphSignature embed() {
    Map<String, Operand<?>> inputs = new LinkedHashMap<>();
    Operand<TInt32> tokens = input(inputs, "tokens");
    Operand<TInt32> positions = input(inputs, "positions");
    Operand<TInt32> lengths = input(inputs, "lengths");
    Operand<TInt32> execution = input(inputs, "execution");
    Operand<TFloat32> words = rows(EncoderWeights.WORDS, tokens);
    Operand<TFloat32> places = rows(EncoderWeights.POSITIONS, positions);
    Operand<TFloat32> stream =
        addNorm(words, EncoderWeights.TYPE, places, EncoderWeights.EMBEDDING_NORM, execution);
    for (int layer = 0; layer < config.layers(); layer++) {
      stream = layer(layer, stream, lengths, execution);
    }
    Operand<TFloat32> embeddings =
        build(op("ParleyPool", stream, lengths, execution).setAttr("unit", unit()));
    return new GraphSignature(EMBED, inputs, "embeddings", embeddings);
  }

  private int unit() {
    return config.unitLength() ? 1 : 0;
  }

  private Operand<TFloat32> layer(
      int layer, Operand<TFloat32> x, Operand<TInt32> lengths, Operand<TInt32> execution) {
    String qkv = EncoderWeights.name(layer, "qkv");
    String out = EncoderWeights.name(layer, "attention_out");
    String up = EncoderWeights.name(layer, "up");
    String down = EncoderWeights.name(layer, "down");
    Operand<TFloat32> mixed =
        build(
            op(
                    "ParleyTextAttention",
                    product(x, qkv, 3 * config.hidden(), execution),
                    bias(qkv),
                    lengths,
                    execution)
                .setAttr("heads", config.heads()));
    Operand<TFloat32> attended =
        addNorm(
            product(mixed, out, config.hidden(), execution),
            EncoderWeights.bias(out),
            x,
            EncoderWeights.name(layer, "attention_norm"),
            execution);
    Operand<TFloat32> opened = product(attended, up, config.feedForward(), execution);
    Operand<TFloat32> bent = build(op("ParleyGelu", opened, bias(up), execution));
    return addNorm(
        product(bent, down, config.hidden(), execution),
        EncoderWeights.bias(down),
        attended,
        EncoderWeights.name(layer, "output_norm"),
        execution);
  }

  private Operand<TFloat32> rows(String table, Operand<TInt32> ids) {
    return tf.resourceGather(variables.handle(table), ids, TFloat32.class);
  }

  private VarHandleOp bias(String product) {
    return variables.handle(EncoderWeights.bias(product));
  }

  private Operand<TFloat32> addNorm(
      Operand<TFloat32> x,
      String bias,
      Operand<TFloat32> residual,
      String norm,
      Operand<TInt32> execution) {
    return build(
        op(
                "ParleyAddNorm",
                x,
                variables.handle(bias),
                residual,
                variables.handle(EncoderWeights.scale(norm)),
                variables.handle(EncoderWeights.shift(norm)),
                execution)
            .setAttr("epsilon", config.normEpsilon()));
  }

  private Operand<TFloat32> product(
      Operand<TFloat32> x, String weight, int columns, Operand<TInt32> execution) {
    org.tensorflow.Output<?>[] none = {};
    return build(
        op("ParleyLinear", x, variables.handle(weight))
            .addInputList(none)
            .addInputList(none)
            .addInputList(none)
            .addInput(execution.asOutput())
            .setAttr("columns", columns)
            .setAttr("epsilon", 0f)
            .setAttr("gate", 0));
  }

  private Operand<TInt32> input(Map<String, Operand<?>> inputs, String name) {
    Operand<TInt32> input =
        tf.placeholder(TInt32.class, Placeholder.shape(Shape.of(Shape.UNKNOWN_SIZE)));
    inputs.put(name, input);
    return input;
  }

  private OperationBuilder op(String type, Operand<?>... inputs) {
    OperationBuilder builder = tf.scope().opBuilder(type, type);
    for (Operand<?> input : inputs) {
      builder.addInput(input.asOutput());
    }
    return builder;
  }

  private static Operand<TFloat32> build(OperationBuilder builder) {
    return builder.build().output(0);
  }
}
