package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.WeightType;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TUint8;
import org.tensorflow.types.family.TType;

/**
 * The variables of the graph and how each is made of the file's tensors.
 *
 * <p>Matrices are stored as bfloat16, the precision of the reference. Those of the layers may be
 * 8-bit integers; embedding and head may not, whose rounding harms most for what it saves. Products
 * that read the same input are joined into one matrix, side by side.
 *
 * <p>Parley's operations turn adjacent values of a head (RoPE), TensorFlow's graph its two halves.
 * The rows of queries and keys are put in that order, whichever the file has ({@link RotaryPairs}),
 * with their biases and norms; the products of queries and keys, which are reordered alike, stay
 * the same.
 */
final class DecoderWeights {
  static final String EMBEDDING = "embedding";
  static final String OUTPUT_NORM = "output_norm";
  static final String HEAD = "head";

  private static final int ROWS_AT_ONCE = 64;
  private static final int INT8_MAX = 127;

  /** How a variable lies in memory. */
  private enum Form {
    VECTOR,
    /** As in the file, [out, in]: for looking up rows. */
    ROWS,
    /** [in, out]: for TensorFlow's products, several times faster than with a transposed matrix. */
    TRANSPOSED,
    /** {@link Panels}: for Parley's products. */
    PANELS,
    /** {@link Panels} of 8-bit integers, as bytes. */
    INT8_PANELS
  }

  /** Which columns of a variable the rows of a tensor become. */
  private enum Order {
    KEEP,
    /** In the order in which a graph turns the values of a head. */
    TURNED,
    /** The first 16 of each 32. */
    GATES,
    /** The other 16 of each 32. */
    OPENED
  }

  /**
   * A tensor of the file.
   *
   * @param rows which become columns; of a vector its values
   */
  private record Part(String tensor, int rows, Order order) {}

  /**
   * A variable of the graph.
   *
   * @param group variables of one group are saved together
   * @param inputs width of what it is multiplied with; 1 for a vector
   */
  record Variable(String name, int group, Form form, int inputs, int columns, List<Part> parts)
      implements StoredVariable {
    boolean isVector() {
      return form == Form.VECTOR;
    }

    @Override
    public Class<? extends TType> storedType() {
      return switch (form) {
        case VECTOR -> TFloat32.class;
        case ROWS, TRANSPOSED, PANELS -> TBfloat16.class;
        case INT8_PANELS -> TUint8.class; // TensorFlow for Java has no signed bytes
      };
    }

    long bytes() {
      return switch (form) {
        case VECTOR -> shape().size() * Float.BYTES;
        case ROWS, TRANSPOSED, PANELS -> shape().size() * Short.BYTES;
        case INT8_PANELS -> shape().size();
      };
    }

    @Override
    public Shape shape() {
      return switch (form) {
        case VECTOR -> Shape.of(columns);
        case ROWS -> Shape.of(columns, inputs);
        case TRANSPOSED -> Shape.of(inputs, columns);
        case PANELS -> Panels.shape(inputs, columns);
        case INT8_PANELS -> Panels.int8Shape(inputs, columns);
      };
    }
  }

  private final DecoderConfig config;
  private final boolean packed;
  private final Form matrices;
  private final List<Variable> variables = new ArrayList<>();

  private DecoderWeights(DecoderConfig config, Form matrices) {
    this.config = config;
    this.packed = matrices != Form.TRANSPOSED;
    this.matrices = matrices;
    int vocabulary = config.vocabularySize();
    Part embedding = keep("token_embd.weight", vocabulary);
    Form embeddingForm = packed ? Form.PANELS : Form.ROWS;
    variables.add(
        new Variable(EMBEDDING, 0, embeddingForm, config.hidden(), vocabulary, List.of(embedding)));
    int layers = config.layers().size();
    for (int layer = 0; layer < layers; layer++) {
      addLayer(layer);
    }
    vector(OUTPUT_NORM, layers + 1, keep("output_norm.weight", config.hidden()));
    if (!config.tiedHead()) {
      Part head = keep("output.weight", vocabulary);
      Form form = packed ? Form.PANELS : Form.TRANSPOSED;
      variables.add(
          new Variable(HEAD, layers + 1, form, config.hidden(), vocabulary, List.of(head)));
    }
  }

  /** For the graph of TensorFlow's operations. */
  static DecoderWeights transposed(DecoderConfig config) {
    return new DecoderWeights(config, Form.TRANSPOSED);
  }

  /** For the graph of Parley's operations. */
  static DecoderWeights packed(DecoderConfig config, WeightType type) {
    return new DecoderWeights(config, type == WeightType.INT8 ? Form.INT8_PANELS : Form.PANELS);
  }

  private void addLayer(int layer) {
    DecoderLayer made = config.layers().get(layer);
    String source = "blk." + layer + ".";
    int group = layer + 1;
    int queryWidth = config.heads() * config.headSize();
    int keyWidth = config.kvHeads() * config.headSize();
    vector(
        name(layer, "attention_norm"), group, keep(source + "attn_norm.weight", config.hidden()));
    matrix(
        name(layer, "qkv"),
        group,
        config.hidden(),
        turned(source + "attn_q.weight", queryWidth),
        turned(source + "attn_k.weight", keyWidth),
        keep(source + "attn_v.weight", keyWidth));
    if (made.qkvBias()) {
      vector(
          name(layer, "qkv_bias"),
          group,
          turned(source + "attn_q.bias", queryWidth),
          turned(source + "attn_k.bias", keyWidth),
          keep(source + "attn_v.bias", keyWidth));
    }
    if (made.headNorms()) {
      vector(
          name(layer, "head_norms"),
          group,
          turned(source + "attn_q_norm.weight", config.headSize()),
          turned(source + "attn_k_norm.weight", config.headSize()));
    }
    if (made.postNorms()) {
      vector(
          name(layer, "attention_post_norm"),
          group,
          keep(source + "post_attention_norm.weight", config.hidden()));
      vector(
          name(layer, "feed_forward_post_norm"),
          group,
          keep(source + "post_ffw_norm.weight", config.hidden()));
    }
    matrix(
        name(layer, "attention_out"),
        group,
        queryWidth,
        keep(source + "attn_output.weight", config.hidden()));
    vector(
        name(layer, "feed_forward_norm"), group, keep(source + "ffn_norm.weight", config.hidden()));
    matrix(
        name(layer, "gate_up"),
        group,
        config.hidden(),
        new Part(
            source + "ffn_gate.weight", config.feedForward(), packed ? Order.GATES : Order.KEEP),
        new Part(
            source + "ffn_up.weight", config.feedForward(), packed ? Order.OPENED : Order.KEEP));
    matrix(
        name(layer, "down"),
        group,
        config.feedForward(),
        keep(source + "ffn_down.weight", config.hidden()));
  }

  static String name(int layer, String what) {
    return "layer" + layer + "/" + what;
  }

  private static Part keep(String tensor, int rows) {
    return new Part(tensor, rows, Order.KEEP);
  }

  private static Part turned(String tensor, int rows) {
    return new Part(tensor, rows, Order.TURNED);
  }

  private void vector(String name, int group, Part... parts) {
    add(name, group, Form.VECTOR, 1, parts);
  }

  private void matrix(String name, int group, int inputs, Part... parts) {
    add(name, group, matrices, inputs, parts);
  }

  private void add(String name, int group, Form form, int inputs, Part... parts) {
    int columns = 0;
    for (Part part : parts) {
      columns += part.rows();
    }
    variables.add(new Variable(name, group, form, inputs, columns, List.of(parts)));
  }

  List<Variable> variables() {
    return variables;
  }

  int groups() {
    return config.layers().size() + 2;
  }

  /**
   * Checks that the file has each tensor in the right shape, and no other one: an unknown tensor
   * (such as a bias) would silently be missing in the result.
   */
  void check(GgufFile file) {
    Set<String> known = new HashSet<>(Set.of("rope_freqs.weight"));
    for (Variable variable : variables) {
      for (Part part : variable.parts()) {
        TensorInfo info = file.tensor(part.tensor());
        long rows = variable.isVector() ? 1 : part.rows();
        long columns = variable.isVector() ? part.rows() : variable.inputs();
        if (info.rows() != rows || info.columns() != columns) {
          throw new UnsupportedModelException(
              "tensor '%s' is %d x %d; the metadata say %d x %d"
                  .formatted(part.tensor(), info.rows(), info.columns(), rows, columns));
        }
        if (info.elements() > Integer.MAX_VALUE / 4) {
          throw new UnsupportedModelException("tensor '" + part.tensor() + "' is too large");
        }
        known.add(part.tensor());
      }
    }
    for (String tensor : file.tensors().keySet()) {
      if (!known.contains(tensor)) {
        throw new UnsupportedModelException(
            "tensor '" + tensor + "' is not part of the models of this architecture that run here");
      }
    }
  }

  /** The variable's values in its form. */
  ByteBuffer load(GgufFile file, Variable variable) {
    ByteBuffer bytes = allocate(variable.bytes());
    int column = 0;
    for (Part part : variable.parts()) {
      if (variable.isVector()) {
        float[] values = file.read(part.tensor());
        for (int i = 0; i < values.length; i++) {
          bytes.putFloat(column(i, column, part.order()) * Float.BYTES, values[i]);
        }
      } else {
        copy(file, variable, part, column, bytes);
      }
      column += part.rows();
    }
    return bytes;
  }

  private static ByteBuffer allocate(long size) {
    return ByteBuffer.allocate(Math.toIntExact(size)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void copy(
      GgufFile file, Variable variable, Part part, int firstColumn, ByteBuffer target) {
    int inputs = variable.inputs();
    for (int row = 0; row < part.rows(); row += ROWS_AT_ONCE) {
      int count = Math.min(ROWS_AT_ONCE, part.rows() - row);
      float[] values = file.read(part.tensor(), row, count);
      int[] columns = new int[count];
      for (int i = 0; i < count; i++) {
        columns[i] = column(row + i, firstColumn, part.order());
      }
      if (variable.form() == Form.INT8_PANELS) {
        quantise(values, inputs, columns, target);
        continue;
      }
      // input by input, so that neighbouring columns are written together
      for (int input = 0; input < inputs; input++) {
        for (int i = 0; i < count; i++) {
          target.putShort(
              index(variable, columns[i], input) * Short.BYTES,
              Bfloat16.round(values[i * inputs + input]));
        }
      }
    }
  }

  /** Each column in steps of its own, of which the largest value takes 127. */
  private static void quantise(float[] values, int inputs, int[] columns, ByteBuffer target) {
    for (int i = 0; i < columns.length; i++) {
      float largest = 0;
      for (int input = 0; input < inputs; input++) {
        largest = Math.max(largest, Math.abs(values[i * inputs + input]));
      }
      float step = largest / INT8_MAX;
      target.putFloat(Panels.stepIndex(columns[i], inputs), step);
      for (int input = 0; step > 0 && input < inputs; input++) {
        int steps = Math.round(values[i * inputs + input] / step);
        target.put(Panels.int8Index(columns[i], input, inputs), (byte) steps);
      }
    }
  }

  private static int index(Variable variable, int column, int input) {
    return switch (variable.form()) {
      case VECTOR -> column;
      case ROWS -> column * variable.inputs() + input;
      case TRANSPOSED -> input * variable.columns() + column;
      case PANELS -> Panels.index(column, input, variable.inputs());
      case INT8_PANELS -> Panels.int8Index(column, input, variable.inputs());
    };
  }

  private int column(int row, int firstColumn, Order order) {
    return switch (order) {
      case KEEP -> firstColumn + row;
      case TURNED -> {
        int inHead = row % config.headSize();
        yield firstColumn + row - inHead + turnedPlace(inHead);
      }
      case GATES -> row / 16 * 32 + row % 16;
      case OPENED -> row / 16 * 32 + 16 + row % 16;
    };
  }

  /** Where in a head a value of the file's goes. */
  private int turnedPlace(int value) {
    int turned = config.layers().get(0).rotation().turned(); // layers differ in the angles only
    int pair = config.pairs().pair(value, turned);
    int second = config.pairs().second(value, turned) ? 1 : 0;
    return packed ? 2 * pair + second : second * (config.headSize() / 2) + pair;
  }
}
