package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.op.math.Mean;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TType;

/**
 * The forward pass of a decoder as a TensorFlow graph, in the order of the paper: embedding; in
 * each layer attention and feed-forward, each on the normalised stream and added to it; last
 * normalisation and head. What else a layer has, its {@link DecoderLayer} says.
 *
 * <p>Three signatures share weights and KV memory: {@code decode} (rows that are one token of a
 * sequence each), {@code prefill} (several tokens of one sequence) and {@code mixed} (both); all
 * give {@code logits}. {@code reset} makes the KV memory, empty, of any number of blocks.
 *
 * <p>KV memory is a pair of variables in each layer, {@code [blocks * kvHeads, block, headSize]}. A
 * block of one head is contiguous, so that gathering by (sequence, head, block) gives each head's
 * keys in order of position, with no transposition.
 */
final class DecoderGraph {
  static final String DECODE = "decode";
  static final String PREFILL = "prefill";
  static final String MIXED = "mixed";
  static final String RESET = "reset";
  static final List<String> SIGNATURES = List.of(DECODE, PREFILL, MIXED, RESET);

  private static final int BLOCK = EngineSettings.BLOCK_SIZE;

  /** Added to the score of a position that a token must not see; its weight becomes exactly 0. */
  private static final float HIDDEN_SCORE = -1e30f;

  private final DecoderConfig config;
  private final Arithmetic arithmetic;
  private final Ops tf;
  private final GraphVariables variables;

  private DecoderGraph(Graph graph, DecoderConfig config, Arithmetic arithmetic) {
    this.config = config;
    this.arithmetic = arithmetic;
    this.tf = Ops.create(graph);
    this.variables = new GraphVariables(tf);
    declareVariables();
  }

  /** Adds all of it to an empty graph. */
  static BuiltGraph build(Graph graph, DecoderConfig config, Arithmetic arithmetic) {
    DecoderGraph decoder = new DecoderGraph(graph, config, arithmetic);
    GraphVariables.Restore restore =
        decoder.variables.restore(
            DecoderWeights.transposed(config).variables(),
            config.tiedHead() ? Map.of(DecoderWeights.EMBEDDING, DecoderWeights.HEAD) : Map.of());
    List<GraphSignature> signatures =
        List.of(
            decoder.forward(DECODE, true, false),
            decoder.forward(PREFILL, false, true),
            decoder.forward(MIXED, true, true),
            decoder.reset());
    return new BuiltGraph(signatures, restore);
  }

  private void declareVariables() {
    for (DecoderWeights.Variable weight : DecoderWeights.transposed(config).variables()) {
      variables.declare(weight, typeOf(weight));
    }
    if (config.tiedHead()) {
      Shape shape = Shape.of(config.hidden(), config.vocabularySize());
      variables.declare(DecoderWeights.HEAD, TFloat32.class, shape);
    }
    for (int layer = 0; layer < config.layers().size(); layer++) {
      Shape shape = Shape.of(Shape.UNKNOWN_SIZE, BLOCK, config.headSize());
      variables.declare(DecoderWeights.name(layer, "keys"), TFloat32.class, shape);
      variables.declare(DecoderWeights.name(layer, "values"), TFloat32.class, shape);
    }
  }

  /** Logits are always of 32-bit floats; the embedding is only looked up, so it stays narrow. */
  private Class<? extends TType> typeOf(DecoderWeights.Variable weight) {
    boolean narrow =
        switch (weight.name()) {
          case DecoderWeights.EMBEDDING -> true;
          case DecoderWeights.HEAD -> false;
          default -> isBfloat16() && !weight.isVector();
        };
    return narrow ? TBfloat16.class : TFloat32.class;
  }

  private boolean isBfloat16() {
    return arithmetic == Arithmetic.BF16;
  }

  private GraphSignature reset() {
    Placeholder<TInt32> blocks = tf.placeholder(TInt32.class, Placeholder.shape(Shape.scalar()));
    Operand<TInt32> rows = tf.math.mul(blocks, tf.constant(config.kvHeads()));
    Operand<TInt32> shape =
        tf.stack(List.of(rows, tf.constant(BLOCK), tf.constant(config.headSize())));
    Op last = blocks;
    for (int layer = 0; layer < config.layers().size(); layer++) {
      for (String what : List.of("keys", "values")) {
        Ops after = tf.withControlDependencies(last);
        last =
            after.assignVariableOp(
                variables.handle(DecoderWeights.name(layer, what)),
                after.fill(shape, tf.constant(0f)));
      }
    }
    Output<TInt32> done = tf.withControlDependencies(last).identity(blocks).asOutput();
    return new GraphSignature(RESET, Map.of("blocks", blocks), "done", done);
  }

  /** One forward pass: {@code decode} rows come first, then the {@code chunk}'s tokens. */
  private GraphSignature forward(String key, boolean decode, boolean chunk) {
    Placeholder<TInt32> tokens = input(1);
    Placeholder<TInt32> positions = input(1);
    Placeholder<TInt32> slots = input(1);
    Placeholder<TInt32> rows = input(1);
    Map<String, Operand<?>> inputs = new LinkedHashMap<>();
    inputs.put("tokens", tokens);
    inputs.put("positions", positions);
    inputs.put("slots", slots);
    inputs.put("rows", rows);
    Placeholder<TInt32> decodeTables = decode ? input(2) : null;
    Placeholder<TInt32> chunkTable = chunk ? input(1) : null;
    if (decode) {
      inputs.put("decode_tables", decodeTables);
    }
    if (chunk) {
      inputs.put("chunk_table", chunkTable);
    }

    DecoderAttention attention =
        new DecoderAttention(tf, config, positions, slots, decodeTables, chunkTable, HIDDEN_SCORE);
    Operand<TFloat32> stream =
        tf.dtypes.cast(
            tf.resourceGather(variables.handle(DecoderWeights.EMBEDDING), tokens, TBfloat16.class),
            TFloat32.class);
    if (config.embeddingScale() != 1) {
      stream = tf.math.mul(stream, tf.constant(config.embeddingScale()));
    }
    for (int layer = 0; layer < config.layers().size(); layer++) {
      stream = layer(stream, layer, attention);
    }
    Operand<TFloat32> wanted = tf.gather(stream, rows, tf.constant(0));
    Operand<TFloat32> last = normalised(wanted, DecoderWeights.OUTPUT_NORM);
    Operand<TFloat32> logits = tf.linalg.matMul(last, read(DecoderWeights.HEAD));
    return new GraphSignature(key, inputs, "logits", logits);
  }

  private Operand<TFloat32> layer(Operand<TFloat32> stream, int layer, DecoderAttention attention) {
    DecoderLayer made = config.layers().get(layer);
    Operand<TFloat32> qkv = product(normalised(stream, layer, "attention_norm"), layer, "qkv");
    if (made.qkvBias()) {
      qkv = tf.math.add(qkv, read(DecoderWeights.name(layer, "qkv_bias")));
    }
    Operand<TFloat32> mixed =
        attention.of(
            made,
            qkv,
            made.headNorms() ? read(DecoderWeights.name(layer, "head_norms")) : null,
            variables.handle(DecoderWeights.name(layer, "keys")),
            variables.handle(DecoderWeights.name(layer, "values")));
    Operand<TFloat32> attended = product(mixed, layer, "attention_out");
    if (made.postNorms()) {
      attended = normalised(attended, layer, "attention_post_norm");
    }
    Operand<TFloat32> between = tf.math.add(stream, attended);
    Operand<TFloat32> fed = feedForward(between, layer, made.gate());
    if (made.postNorms()) {
      fed = normalised(fed, layer, "feed_forward_post_norm");
    }
    return tf.math.add(between, fed);
  }

  private Placeholder<TInt32> input(int rank) {
    long[] sizes = new long[rank];
    java.util.Arrays.fill(sizes, Shape.UNKNOWN_SIZE);
    return tf.placeholder(TInt32.class, Placeholder.shape(Shape.of(sizes)));
  }

  private Operand<TFloat32> feedForward(Operand<TFloat32> stream, int layer, Gate gate) {
    Operand<TFloat32> gateUp =
        product(normalised(stream, layer, "feed_forward_norm"), layer, "gate_up");
    List<Output<TFloat32>> halves = tf.split(tf.constant(1), gateUp, 2L).output();
    Operand<TFloat32> opening =
        switch (gate) {
          case SILU -> tf.math.mul(halves.get(0), tf.math.sigmoid(halves.get(0)));
          case GELU -> gelu(halves.get(0));
        };
    return product(tf.math.mul(opening, halves.get(1)), layer, "down");
  }

  private Operand<TFloat32> gelu(Operand<TFloat32> x) {
    Operand<TFloat32> cube = tf.math.mul(tf.math.mul(x, x), x);
    Operand<TFloat32> sum = tf.math.add(x, tf.math.mul(tf.constant(0.044715f), cube));
    Operand<TFloat32> tanh =
        tf.math.tanh(tf.math.mul(tf.constant((float) Math.sqrt(2 / Math.PI)), sum));
    return tf.math.mul(tf.math.mul(tf.constant(0.5f), x), tf.math.add(tf.constant(1f), tanh));
  }

  private Operand<TFloat32> normalised(Operand<TFloat32> x, int layer, String weight) {
    return normalised(x, DecoderWeights.name(layer, weight));
  }

  /** Divided by its root mean square, times the weight. */
  private Operand<TFloat32> normalised(Operand<TFloat32> x, String weight) {
    Operand<TFloat32> meanSquare =
        tf.math.mean(tf.math.square(x), tf.constant(new int[] {1}), Mean.keepDims(true));
    Operand<TFloat32> scale =
        tf.math.rsqrt(tf.math.add(meanSquare, tf.constant(config.normEpsilon())));
    return tf.math.mul(tf.math.mul(x, scale), read(weight));
  }

  private Operand<TFloat32> product(Operand<TFloat32> x, int layer, String weight) {
    VarHandleOp variable = variables.handle(DecoderWeights.name(layer, weight));
    if (!isBfloat16()) {
      return tf.linalg.matMul(x, tf.readVariableOp(variable, TFloat32.class));
    }
    Operand<TBfloat16> narrow =
        tf.linalg.matMul(
            tf.dtypes.cast(x, TBfloat16.class), tf.readVariableOp(variable, TBfloat16.class));
    return tf.dtypes.cast(narrow, TFloat32.class);
  }

  private Operand<TFloat32> read(String name) {
    return tf.readVariableOp(variables.handle(name), TFloat32.class);
  }
}
