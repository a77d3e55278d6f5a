package io.parley.workers.engine.tensorflow;

import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.encoder.EncoderTensors;
import io.parley.workers.safetensors.SafetensorsFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TType;

/**
 * The variables of an encoder's graph and how each is made of the file's tensors. Queries, keys and
 * values are joined into one matrix, side by side. The matrices of Parley's products are bfloat16;
 * everything else is of 32-bit floats.
 */
final class EncoderWeights {
  static final String WORDS = "words";
  static final String POSITIONS = "positions";

  /** Stands for the bias of the embedding: all tokens of a text are of the first type. */
  static final String TYPE = "type";

  static final String EMBEDDING_NORM = "embedding_norm";

  /** How a variable lies in memory. */
  private enum Form {
    /** As in the file. */
    ROWS,
    /** The first row. */
    FIRST_ROW,
    /** [in, out]: for TensorFlow's products. */
    TRANSPOSED,
    /** {@link Panels}: for Parley's products. */
    PANELS
  }

  /**
   * A variable of the graph.
   *
   * @param columns what a matrix gives; of a vector its size
   * @param inputs what a matrix is multiplied with; 1 of a vector
   */
  record Variable(String name, int group, Form form, int inputs, int columns, List<String> tensors)
      implements StoredVariable {
    @Override
    public Class<? extends TType> storedType() {
      return form == Form.PANELS ? TBfloat16.class : TFloat32.class;
    }

    /** In memory. */
    long bytes() {
      return shape().size() * (form == Form.PANELS ? Short.BYTES : Float.BYTES);
    }

    @Override
    public Shape shape() {
      return switch (form) {
        case ROWS -> inputs == 1 ? Shape.of(columns) : Shape.of(columns, inputs);
        case FIRST_ROW -> Shape.of(columns);
        case TRANSPOSED -> Shape.of(inputs, columns);
        case PANELS -> Panels.shape(inputs, columns);
      };
    }
  }

  private final Form matrices;
  private final int layers;
  private final List<Variable> variables = new ArrayList<>();

  private EncoderWeights(EncoderConfig config, Form matrices) {
    this.matrices = matrices;
    this.layers = config.layers();
    int hidden = config.hidden();
    add(WORDS, 0, Form.ROWS, hidden, config.vocabularySize(), EncoderTensors.WORDS);
    add(POSITIONS, 0, Form.ROWS, hidden, config.positions(), EncoderTensors.POSITIONS);
    add(TYPE, 0, Form.FIRST_ROW, 1, hidden, EncoderTensors.TYPES);
    addNorm(EMBEDDING_NORM, 0, hidden, EncoderTensors.EMBEDDING_NORM);
    for (int layer = 0; layer < config.layers(); layer++) {
      int group = layer + 1;
      addProduct(
          layer,
          "qkv",
          hidden,
          3 * hidden,
          EncoderTensors.QUERY,
          EncoderTensors.KEY,
          EncoderTensors.VALUE);
      addProduct(layer, "attention_out", hidden, hidden, EncoderTensors.ATTENTION_OUT);
      addProduct(layer, "up", hidden, config.feedForward(), EncoderTensors.UP);
      addProduct(layer, "down", config.feedForward(), hidden, EncoderTensors.DOWN);
      String attentionNorm = EncoderTensors.of(layer, EncoderTensors.ATTENTION_NORM);
      addNorm(name(layer, "attention_norm"), group, hidden, attentionNorm);
      String outputNorm = EncoderTensors.of(layer, EncoderTensors.OUTPUT_NORM);
      addNorm(name(layer, "output_norm"), group, hidden, outputNorm);
    }
  }

  /** For the graph of TensorFlow's operations. */
  static EncoderWeights transposed(EncoderConfig config) {
    return new EncoderWeights(config, Form.TRANSPOSED);
  }

  /** For the graph of Parley's operations. */
  static EncoderWeights packed(EncoderConfig config) {
    return new EncoderWeights(config, Form.PANELS);
  }

  static String name(int layer, String what) {
    return "layer" + layer + "/" + what;
  }

  static String bias(String name) {
    return name + "/bias";
  }

  static String scale(String norm) {
    return norm + "/scale";
  }

  static String shift(String norm) {
    return norm + "/shift";
  }

  private void addProduct(int layer, String what, int inputs, int columns, String... parts) {
    List<String> names = Arrays.stream(parts).map(part -> EncoderTensors.of(layer, part)).toList();
    String name = name(layer, what);
    String[] weights = names.stream().map(part -> part + ".weight").toArray(String[]::new);
    String[] biases = names.stream().map(part -> part + ".bias").toArray(String[]::new);
    add(name, layer + 1, matrices, inputs, columns, weights);
    add(bias(name), layer + 1, Form.ROWS, 1, columns, biases);
  }

  private void addNorm(String name, int group, int size, String tensor) {
    add(scale(name), group, Form.ROWS, 1, size, tensor + ".weight");
    add(shift(name), group, Form.ROWS, 1, size, tensor + ".bias");
  }

  private void add(String name, int group, Form form, int inputs, int columns, String... tensors) {
    variables.add(new Variable(name, group, form, inputs, columns, List.of(tensors)));
  }

  List<Variable> variables() {
    return variables;
  }

  WeightSource<Variable> source(SafetensorsFile file) {
    return new WeightSource<>(variables, layers + 1, variable -> load(file, variable));
  }

  private static byte[] load(SafetensorsFile file, Variable variable) {
    int size = variable.form() == Form.PANELS ? Short.BYTES : Float.BYTES;
    long bytes = Math.multiplyExact(variable.shape().size(), size);
    ByteBuffer target = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    int column = 0;
    for (String tensor : variable.tensors()) {
      column = copy(file.read(tensor), variable, column, target);
    }
    return target.array();
  }

  /** Copies rows of a tensor, which become columns from {@code first} on. */
  private static int copy(float[] values, Variable variable, int first, ByteBuffer target) {
    int inputs = variable.inputs();
    int rows = variable.form() == Form.FIRST_ROW ? variable.columns() : values.length / inputs;
    for (int row = 0; row < rows; row++) {
      for (int input = 0; input < inputs; input++) {
        float value = values[row * inputs + input];
        int column = first + row;
        switch (variable.form()) {
          case ROWS, FIRST_ROW -> target.putFloat((column * inputs + input) * Float.BYTES, value);
          case TRANSPOSED ->
              target.putFloat((input * variable.columns() + column) * Float.BYTES, value);
          case PANELS ->
              target.putShort(
                  Panels.index(column, input, inputs) * Short.BYTES, Bfloat16.round(value));
        }
      }
    }
    return first + rows;
  }
}
