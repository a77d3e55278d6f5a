package io.parley.workers.engine.tensorflow;

import io.parley.workers.encoder.EncoderConfig;
import java.util.List;
import java.util.Map;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.math.Mean;
import org.tensorflow.op.train.BatchMatMul;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The forward pass of BERT as a graph of TensorFlow's own operations, for one text at a time:
 * without padding, and without another text that its numbers could depend on. In the order of the
 * paper: embedding; in each layer attention and feed-forward, each added to the stream, which is
 * then normalised; last the mean over the tokens.
 */
final class EncoderGraph {
  static final String EMBED = "embed";

  private final EncoderConfig config;
  private final Ops tf;
  private final GraphVariables variables;

  private EncoderGraph(Graph graph, EncoderConfig config, EncoderWeights weights) {
    this.config = config;
    this.tf = Ops.create(graph);
    this.variables = new GraphVariables(tf);
    for (EncoderWeights.Variable weight : weights.variables()) {
      variables.declare(weight, weight.storedType());
    }
  }

  /**
   * Adds all of it to an empty graph.
   *
   * @param weights transposed
   */
  static BuiltGraph build(Graph graph, EncoderConfig config, EncoderWeights weights) {
    EncoderGraph encoder = new EncoderGraph(graph, config, weights);
    GraphVariables.Restore restore = encoder.variables.restore(weights.variables(), Map.of());
    return new BuiltGraph(List.of(encoder.embed()), restore);
  }

  private GraphSignature embed() {
    Placeholder<TInt32> tokens =
        tf.placeholder(TInt32.class, Placeholder.shape(Shape.of(Shape.UNKNOWN_SIZE)));
    Operand<TInt32> count = tf.size(tokens);
    Operand<TInt32> positions = tf.range(tf.constant(0), count, tf.constant(1));
    Operand<TFloat32> words =
        tf.resourceGather(variables.handle(EncoderWeights.WORDS), tokens, TFloat32.class);
    Operand<TFloat32> places =
        tf.resourceGather(variables.handle(EncoderWeights.POSITIONS), positions, TFloat32.class);
    Operand<TFloat32> stream =
        normalised(
            tf.math.add(tf.math.add(words, read(EncoderWeights.TYPE)), places),
            EncoderWeights.EMBEDDING_NORM);
    for (int layer = 0; layer < config.layers(); layer++) {
      stream = layer(layer, stream);
    }
    Operand<TFloat32> mean = tf.math.mean(stream, tf.constant(new int[] {0}), Mean.keepDims(true));
    return new GraphSignature(EMBED, Map.of("tokens", tokens), "embeddings", scaled(mean));
  }

  private Operand<TFloat32> scaled(Operand<TFloat32> mean) {
    if (!config.unitLength()) {
      return mean;
    }
    Operand<TFloat32> squares =
        tf.reduceSum(
            tf.math.square(mean),
            tf.constant(new int[] {1}),
            org.tensorflow.op.core.ReduceSum.keepDims(true));
    Operand<TFloat32> length = tf.math.maximum(tf.math.sqrt(squares), tf.constant(1e-12f));
    return tf.math.div(mean, length);
  }

  private Operand<TFloat32> layer(int layer, Operand<TFloat32> x) {
    Operand<TFloat32> attended =
        normalised(
            tf.math.add(x, product(attention(layer, x), layer, "attention_out")),
            EncoderWeights.name(layer, "attention_norm"));
    Operand<TFloat32> opened = gelu(product(attended, layer, "up"));
    return normalised(
        tf.math.add(attended, product(opened, layer, "down")),
        EncoderWeights.name(layer, "output_norm"));
  }

  private Operand<TFloat32> attention(int layer, Operand<TFloat32> x) {
    // [rows, 3, heads, size] to [3, heads, rows, size]
    Operand<TFloat32> parts =
        tf.linalg.transpose(
            tf.reshape(
                product(x, layer, "qkv"),
                tf.constant(new int[] {-1, 3, config.heads(), config.headSize()})),
            tf.constant(new int[] {1, 2, 0, 3}));
    Operand<TFloat32> scores =
        tf.train.batchMatMul(
            part(parts, 0), part(parts, 1), TFloat32.class, BatchMatMul.adjY(true));
    float scale = (float) (1 / Math.sqrt(config.headSize()));
    Operand<TFloat32> weights = tf.nn.softmax(tf.math.mul(scores, tf.constant(scale)));
    Operand<TFloat32> mixed = tf.train.batchMatMul(weights, part(parts, 2), TFloat32.class);
    return tf.reshape(
        tf.linalg.transpose(mixed, tf.constant(new int[] {1, 0, 2})),
        tf.constant(new int[] {-1, config.hidden()}));
  }

  private Operand<TFloat32> part(Operand<TFloat32> parts, int index) {
    return tf.gather(parts, tf.constant(index), tf.constant(0));
  }

  private Operand<TFloat32> gelu(Operand<TFloat32> x) {
    Operand<TFloat32> error = tf.math.erf(tf.math.mul(x, tf.constant((float) Math.sqrt(0.5))));
    return tf.math.mul(tf.math.mul(x, tf.constant(0.5f)), tf.math.add(error, tf.constant(1f)));
  }

  private Operand<TFloat32> normalised(Operand<TFloat32> x, String norm) {
    Operand<TInt32> columns = tf.constant(new int[] {1});
    Operand<TFloat32> centred = tf.math.sub(x, tf.math.mean(x, columns, Mean.keepDims(true)));
    Operand<TFloat32> variance =
        tf.math.mean(tf.math.square(centred), columns, Mean.keepDims(true));
    Operand<TFloat32> factor =
        tf.math.rsqrt(tf.math.add(variance, tf.constant(config.normEpsilon())));
    return tf.math.add(
        tf.math.mul(tf.math.mul(centred, factor), read(EncoderWeights.scale(norm))),
        read(EncoderWeights.shift(norm)));
  }

  private Operand<TFloat32> product(Operand<TFloat32> x, int layer, String what) {
    String name = EncoderWeights.name(layer, what);
    return tf.math.add(tf.linalg.matMul(x, read(name)), read(EncoderWeights.bias(name)));
  }

  private Operand<TFloat32> read(String name) {
    return tf.readVariableOp(variables.handle(name), TFloat32.class);
  }
}
