package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.WeightType;
import java.util.HashMap;
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
import org.tensorflow.types.TFloat64;
import org.tensorflow.types.TInt32;

/**
 * The forward pass of a decoder of Parley's own operations ({@code src/main/native}). One
 * signature, {@code step}, takes any ragged batch in one call: several tokens of some sequences
 * beside one of others. A row's logits do not depend on what else is in the call. What a layer has
 * besides what all have, its {@link DecoderLayer} says.
 *
 * <p>{@code weigh} takes rows of the logits that it gave, and gives their {@link
 * io.parley.workers.engine.RowSums}.
 *
 * <p>{@code reset} makes the KV memory, empty, of any number of blocks: one variable {@code
 * [layers, keys or values, blocks, kvHeads, block * headSize]} of bfloat16, which the operations
 * write in place.
 */
final class KernelGraph {
  static final String STEP = "step";
  static final String RESET = "reset";
  static final String WEIGH = "weigh";

  private static final int BLOCK = EngineSettings.BLOCK_SIZE;
  private static final String CACHE = "cache";

  private final DecoderConfig config;
  private final Ops tf;
  private final GraphVariables variables;

  private KernelGraph(Graph graph, DecoderConfig config, DecoderWeights weights) {
    this.config = config;
    this.tf = Ops.create(graph);
    this.variables = new GraphVariables(tf);
    for (DecoderWeights.Variable weight : weights.variables()) {
      variables.declare(weight, weight.storedType());
    }
    Shape cache =
        Shape.of(
            config.layers().size(),
            2,
            Shape.UNKNOWN_SIZE,
            config.kvHeads(),
            (long) BLOCK * config.headSize());
    variables.declare(CACHE, TBfloat16.class, cache);
  }

  /** What these operations lack for a model, if something. */
  static Optional<String> obstacle(DecoderConfig config) {
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

  /** Threads and, from the 17th bit on, the group of cores whose pool they are of. */
  static int threads(int count, int group) {
    return count | group << 16;
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
  static BuiltGraph build(Graph graph, DecoderConfig config, WeightType type) {
    DecoderWeights weights = DecoderWeights.packed(config, type);
    KernelGraph decoder = new KernelGraph(graph, config, weights);
    GraphVariables.Restore restore = decoder.variables.restore(weights.variables(), Map.of());
    return new BuiltGraph(
        List.of(decoder.step(), decoder.reset(), decoder.weigh(), decoder.variables.giveBack()),
        restore);
  }

  private GraphSignature reset() {
    Placeholder<TInt32> blocks = tf.placeholder(TInt32.class, Placeholder.shape(Shape.scalar()));
    Operand<TInt32> shape =
        tf.stack(
            List.of(
                tf.constant(config.layers().size()),
                tf.constant(2),
                blocks,
                tf.constant(config.kvHeads()),
                tf.constant(BLOCK * config.headSize())));
    Operand<TBfloat16> zeros = tf.fill(shape, tf.dtypes.cast(tf.constant(0f), TBfloat16.class));
    Op filled = tf.assignVariableOp(variables.handle(CACHE), zeros);
    Output<TInt32> done = tf.withControlDependencies(filled).identity(blocks).asOutput();
    return new GraphSignature(RESET, Map.of("blocks", blocks), "done", done);
  }

  private GraphSignature weigh() {
    Map<String, Operand<?>> inputs = new LinkedHashMap<>();
    Shape matrix = Shape.of(Shape.UNKNOWN_SIZE, config.vocabularySize());
    Shape vector = Shape.of(Shape.UNKNOWN_SIZE);
    inputs.put("logits", tf.placeholder(TFloat32.class, Placeholder.shape(matrix)));
    input(inputs, "rows", 1);
    inputs.put("scales", tf.placeholder(TFloat64.class, Placeholder.shape(vector)));
    input(inputs, "execution", 1);
    Operand<?>[] operands = inputs.values().toArray(new Operand<?>[0]);
    Output<TFloat64> sums = op("ParleyWeigh", operands).build().output(0);
    return new GraphSignature(WEIGH, inputs, "sums", sums);
  }

  private GraphSignature step() {
    Map<String, Operand<?>> inputs = new LinkedHashMap<>();
    Operand<TInt32> tokens = input(inputs, "tokens", 1);
    Operand<TInt32> positions = input(inputs, "positions", 1);
    Operand<TInt32> sequences = input(inputs, "sequences", 1);
    Operand<TInt32> tables = input(inputs, "tables", 2);
    Operand<TInt32> rows = input(inputs, "rows", 1);
    Operand<TInt32> execution = input(inputs, "execution", 1);
    Batch batch = new Batch(positions, sequences, tables, rows, execution, new HashMap<>());

    Operand<TFloat32> stream =
        build(
            op("ParleyEmbedding", tokens, variables.handle(DecoderWeights.EMBEDDING))
                .setAttr("vocabulary", config.vocabularySize())
                .setAttr("scale", config.embeddingScale()));
    for (int layer = 0; layer < config.layers().size(); layer++) {
      stream = layer(stream, layer, batch);
    }
    String head = config.tiedHead() ? DecoderWeights.EMBEDDING : DecoderWeights.HEAD;
    Operand<TFloat32> logits =
        new Product(head, config.vocabularySize(), execution)
            .norm(variables.handle(DecoderWeights.OUTPUT_NORM))
            .of(stream);
    return new GraphSignature(STEP, inputs, "logits", logits);
  }

  /**
   * What the rows of a call are.
   *
   * @param rows those whose logits are wanted
   * @param rotations cosines and sines of the rows, computed once for the layers that share them
   */
  private record Batch(
      Operand<TInt32> positions,
      Operand<TInt32> sequences,
      Operand<TInt32> tables,
      Operand<TInt32> rows,
      Operand<TInt32> execution,
      Map<RotaryFrequencies, Operand<TFloat32>> rotations) {}

  private Operand<TFloat32> layer(Operand<TFloat32> stream, int layer, Batch batch) {
    DecoderLayer made = config.layers().get(layer);
    int columns = (config.heads() + 2 * config.kvHeads()) * config.headSize();
    Operand<TFloat32> qkv =
        product(layer, "qkv", columns, batch)
            .norm(weight(layer, "attention_norm"))
            .bias(made.qkvBias() ? weight(layer, "qkv_bias") : null)
            .of(stream);
    Operand<TFloat32> mixed = attention(qkv, layer, made, batch);
    if (layer == config.layers().size() - 1) { // nothing reads the other rows any more
      mixed = tf.gather(mixed, batch.rows(), tf.constant(0));
      stream = tf.gather(stream, batch.rows(), tf.constant(0));
    }
    Product out = product(layer, "attention_out", config.hidden(), batch);
    Operand<TFloat32> between =
        added(out, mixed, stream, made.postNorms() ? weight(layer, "attention_post_norm") : null);
    Operand<TFloat32> opened =
        product(layer, "gate_up", 2 * config.feedForward(), batch)
            .norm(weight(layer, "feed_forward_norm"))
            .gate(made.gate())
            .of(between);
    Product down = product(layer, "down", config.hidden(), batch);
    return added(
        down, opened, between, made.postNorms() ? weight(layer, "feed_forward_post_norm") : null);
  }

  private Operand<TFloat32> attention(
      Operand<TFloat32> qkv, int layer, DecoderLayer made, Batch batch) {
    Operand<TFloat32> rotation =
        batch.rotations().computeIfAbsent(made.rotation(), r -> rotation(r, batch.positions()));
    return build(
        op(
                "ParleyAttention",
                qkv,
                variables.handle(CACHE),
                rotation,
                batch.positions(),
                batch.sequences(),
                batch.tables())
            .addInputList(list(made.headNorms() ? weight(layer, "head_norms") : null))
            .addInput(batch.execution().asOutput())
            .setAttr("layer", layer)
            .setAttr("heads", config.heads())
            .setAttr("kv_heads", config.kvHeads())
            .setAttr("block", BLOCK)
            .setAttr("window", made.window())
            .setAttr("scale", config.queryScale())
            .setAttr("epsilon", config.normEpsilon()));
  }

  private Operand<TFloat32> rotation(RotaryFrequencies frequencies, Operand<TInt32> positions) {
    return build(op("ParleyRotation", positions, tf.constant(frequencies.radians())));
  }

  /**
   * The product of x, added to the stream.
   *
   * @param postNorm null: as it is
   */
  private Operand<TFloat32> added(
      Product product, Operand<TFloat32> x, Operand<TFloat32> stream, VarHandleOp postNorm) {
    if (postNorm == null) {
      return product.residual(stream).of(x);
    }
    return build(
        op("ParleyNormalise", product.of(x), postNorm, stream, product.execution)
            .setAttr("epsilon", config.normEpsilon()));
  }

  private VarHandleOp weight(int layer, String what) {
    return variables.handle(DecoderWeights.name(layer, what));
  }

  private Product product(int layer, String what, int columns, Batch batch) {
    return new Product(DecoderWeights.name(layer, what), columns, batch.execution());
  }

  private Operand<TInt32> input(Map<String, Operand<?>> inputs, String name, int rank) {
    long[] sizes = new long[rank];
    java.util.Arrays.fill(sizes, Shape.UNKNOWN_SIZE);
    Operand<TInt32> input = tf.placeholder(TInt32.class, Placeholder.shape(Shape.of(sizes)));
    inputs.put(name, input);
    return input;
  }

  /** A product with a weight, and what is done before and after it; null: nothing. */
  private final class Product {
    private final String weight;
    private final int columns;
    private final Operand<TInt32> execution;
    private VarHandleOp norm;
    private VarHandleOp bias;
    private Operand<TFloat32> residual;
    private int gate;

    Product(String weight, int columns, Operand<TInt32> execution) {
      this.weight = weight;
      this.columns = columns;
      this.execution = execution;
    }

    Product norm(VarHandleOp weight) {
      norm = weight;
      return this;
    }

    Product bias(VarHandleOp weight) {
      bias = weight;
      return this;
    }

    Product residual(Operand<TFloat32> added) {
      residual = added;
      return this;
    }

    Product gate(Gate opening) {
      gate = opening.number();
      return this;
    }

    Operand<TFloat32> of(Operand<TFloat32> x) {
      return build(
          op("ParleyLinear", x, variables.handle(weight))
              .addInputList(list(norm))
              .addInputList(list(bias))
              .addInputList(list(residual))
              .addInput(execution.asOutput())
              .setAttr("columns", columns)
              .setAttr("epsilon", config.normEpsilon())
              .setAttr("gate", gate));
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
