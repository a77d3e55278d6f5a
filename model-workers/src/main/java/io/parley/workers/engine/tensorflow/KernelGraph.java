package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.WeightType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The forward pass of a Llama model of Parley's own operations ({@code src/main/native}). One
 * signature, {@code step}, takes any ragged batch in one call: several tokens of some sequences
 * beside one of others. A row's logits do not depend on what else is in the call.
 *
 * <p>{@code reset} makes the KV memory, empty, of any number of blocks: one variable {@code
 * [layers, keys or values, blocks, kvHeads, block * headSize]} of bfloat16, which the operations
 * write in place.
 */
final class KernelGraph {
  static final String STEP = "step";
  static final String RESET = "reset";

  private static final int BLOCK = EngineSettings.BLOCK_SIZE;
  private static final String CACHE = "cache";

  private final LlamaConfig config;
  private final Ops tf;
  private final GraphVariables variables;

  private KernelGraph(Graph graph, LlamaConfig config, LlamaWeights weights) {
    this.config = config;
    this.tf = Ops.create(graph);
    this.variables = new GraphVariables(tf);
    for (LlamaWeights.Variable weight : weights.variables()) {
      variables.declare(weight, weight.storedType());
    }
    Shape cache =
        Shape.of(
            config.layers(),
            2,
            Shape.UNKNOWN_SIZE,
            config.kvHeads(),
            (long) BLOCK * config.headSize());
    variables.declare(CACHE, TBfloat16.class, cache);
  }

  /** What these operations lack for a model, if something. */
  static Optional<String> obstacle(LlamaConfig config) {
    if (config.headSize() % 64 != 0 || config.headSize() > 512) {
      return Optional.of(
          "its heads are of "
              + config.headSize()
              + " values; 64 and multiples of it up to 512 are supported");
    }
    if (config.hidden() % 16 != 0 || config.feedForward() % 16 != 0) {
      return Optional.of("its widths are not multiples of 16");
    }
    return Optional.empty();
  }

  /** The number by which the operations know a variant. */
  static int number(Kernels variant) {
    return switch (variant) {
      case AVX512BF16 -> 0;
      case AVX512F -> 1;
      case AVX2 -> 2;
      case PORTABLE -> 3;
      case AUTO, OFF -> throw new IllegalArgumentException(variant + " is not a variant");
    };
  }

  /** Adds all of it to an empty graph. The library must have been loaded. */
  static BuiltGraph build(Graph graph, LlamaConfig config, WeightType type) {
    LlamaWeights weights = LlamaWeights.packed(config, type);
    KernelGraph llama = new KernelGraph(graph, config, weights);
    GraphVariables.Restore restore = llama.variables.restore(weights.variables(), Map.of());
    return new BuiltGraph(List.of(llama.step(), llama.reset()), restore);
  }

  private GraphSignature reset() {
    Placeholder<TInt32> blocks = tf.placeholder(TInt32.class, Placeholder.shape(Shape.scalar()));
    Operand<TInt32> shape =
        tf.stack(
            List.of(
                tf.constant(config.layers()),
                tf.constant(2),
                blocks,
                tf.constant(config.kvHeads()),
                tf.constant(BLOCK * config.headSize())));
    Operand<TBfloat16> zeros = tf.fill(shape, tf.dtypes.cast(tf.constant(0f), TBfloat16.class));
    Op filled = tf.assignVariableOp(variables.handle(CACHE), zeros);
    Output<TInt32> done = tf.withControlDependencies(filled).identity(blocks).asOutput();
    return new GraphSignature(RESET, Map.of("blocks", blocks), "done", done);
  }

  private GraphSignature step() {
    Map<String, Operand<?>> inputs = new LinkedHashMap<>();
    Operand<TInt32> tokens = input(inputs, "tokens", 1);
    Operand<TInt32> positions = input(inputs, "positions", 1);
    Operand<TInt32> sequences = input(inputs, "sequences", 1);
    Operand<TInt32> tables = input(inputs, "tables", 2);
    Operand<TInt32> rows = input(inputs, "rows", 1);
    Operand<TInt32> execution = input(inputs, "execution", 1);

    Operand<TFloat32> rotation =
        build(op("ParleyRotation", positions, tf.constant(config.rotationFrequencies())));
    Operand<TFloat32> stream =
        build(
            op("ParleyEmbedding", tokens, variables.handle(LlamaWeights.EMBEDDING))
                .setAttr("vocabulary", config.vocabularySize()));
    int width = config.heads() * config.headSize();
    for (int layer = 0; layer < config.layers(); layer++) {
      Product qkv = new Product(layer, "qkv", width + 2 * config.kvHeads() * config.headSize());
      Product out = new Product(layer, "attention_out", config.hidden());
      Product gateUp = new Product(layer, "gate_up", 2 * config.feedForward());
      Product down = new Product(layer, "down", config.hidden());
      Operand<TFloat32> mixed =
          build(
              op(
                      "ParleyAttention",
                      qkv.of(stream, norm(layer, "attention_norm"), null, execution),
                      variables.handle(CACHE),
                      rotation,
                      positions,
                      sequences,
                      tables,
                      execution)
                  .setAttr("layer", layer)
                  .setAttr("heads", config.heads())
                  .setAttr("kv_heads", config.kvHeads())
                  .setAttr("block", BLOCK));
      if (layer == config.layers() - 1) { // nothing reads the other rows any more
        mixed = tf.gather(mixed, rows, tf.constant(0));
        stream = tf.gather(stream, rows, tf.constant(0));
      }
      stream = out.of(mixed, null, stream, execution);
      Operand<TFloat32> opened =
          gateUp.of(stream, norm(layer, "feed_forward_norm"), null, execution);
      stream = down.of(opened, null, stream, execution);
    }
    String head = config.tiedHead() ? LlamaWeights.EMBEDDING : LlamaWeights.HEAD;
    Operand<TFloat32> logits =
        new Product(head, config.vocabularySize(), false)
            .of(stream, variables.handle(LlamaWeights.OUTPUT_NORM), null, execution);
    return new GraphSignature(STEP, inputs, "logits", logits);
  }

  private VarHandleOp norm(int layer, String what) {
    return variables.handle(LlamaWeights.name(layer, what));
  }

  private Operand<TInt32> input(Map<String, Operand<?>> inputs, String name, int rank) {
    long[] sizes = new long[rank];
    java.util.Arrays.fill(sizes, Shape.UNKNOWN_SIZE);
    Operand<TInt32> input = tf.placeholder(TInt32.class, Placeholder.shape(Shape.of(sizes)));
    inputs.put(name, input);
    return input;
  }

  /** A product with a weight, by its name and the number of its columns. */
  private final class Product {
    private final String weight;
    private final int columns;
    private final boolean swiglu;

    Product(String weight, int columns, boolean swiglu) {
      this.weight = weight;
      this.columns = columns;
      this.swiglu = swiglu;
    }

    Product(int layer, String what, int columns) {
      this(LlamaWeights.name(layer, what), columns, what.equals("gate_up"));
    }

    /**
     * @param norm null: x is taken as it is
     * @param residual null: nothing is added
     */
    Operand<TFloat32> of(
        Operand<TFloat32> x,
        VarHandleOp norm,
        Operand<TFloat32> residual,
        Operand<TInt32> execution) {
      return build(
          op("ParleyLinear", x, variables.handle(weight))
              .addInputList(list(norm))
              .addInputList(list(residual))
              .addInput(execution.asOutput())
              .setAttr("columns", columns)
              .setAttr("epsilon", config.normEpsilon())
              .setAttr("swiglu", swiglu ? 1 : 0));
    }
  }

  private static Output<?>[] list(Operand<?> operand) {
    return operand == null ? new Output<?>[0] : new Output<?>[] {operand.asOutput()};
  }

  private org.tensorflow.OperationBuilder op(String type, Operand<?>... inputs) {
    org.tensorflow.OperationBuilder builder = tf.scope().opBuilder(type, type);
    for (Operand<?> input : inputs) {
      builder.addInput(input.asOutput());
    }
    return builder;
  }

  private static Operand<TFloat32> build(org.tensorflow.OperationBuilder builder) {
    return builder.build().output(0);
  }
}
