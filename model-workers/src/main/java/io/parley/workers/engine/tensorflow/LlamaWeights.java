package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The variables of the graph and how each is made of the file's tensors.
 *
 * <p>Matrices are stored as bfloat16, the precision of the reference, and as [in, out], so that a
 * product needs no transposition: several times faster on the CPU. Products that read the same
 * input are joined into one matrix, side by side.
 *
 * <p>Llama GGUF files have the query and key rows of each head in the order of adjacent pairs (RoPE
 * turns values 2i and 2i+1). Here they are reordered so that the first half of a head holds the
 * even ones and the second half the odd ones: RoPE then swaps halves, and the products of queries
 * and keys, which are reordered alike, stay the same.
 */
final class LlamaWeights {
  static final String EMBEDDING = "embedding";
  static final String OUTPUT_NORM = "output_norm";
  static final String HEAD = "head";

  /** How the rows of a tensor become columns of a variable. */
  private enum Order {
    KEEP,
    HALVES
  }

  private record Part(String tensor, int rows, Order order) {}

  /**
   * A variable of the graph.
   *
   * @param group variables of one group are saved together
   * @param rows 0 for a vector
   */
  record Variable(String name, int group, int rows, int columns, List<Part> parts) {
    boolean isVector() {
      return rows == 0;
    }
  }

  private final LlamaConfig config;
  private final List<Variable> variables = new ArrayList<>();

  LlamaWeights(LlamaConfig config) {
    this.config = config;
    int hidden = config.hidden();
    int vocabulary = config.vocabularySize();
    // the embedding is looked up by rows, so it stays [vocabulary, hidden]
    variables.add(
        new Variable(
            EMBEDDING,
            0,
            vocabulary,
            hidden,
            List.of(new Part("token_embd.weight", vocabulary, Order.KEEP))));
    for (int layer = 0; layer < config.layers(); layer++) {
      addLayer(layer);
    }
    vector(OUTPUT_NORM, config.layers() + 1, "output_norm.weight");
    if (!config.tiedHead()) {
      matrix(HEAD, config.layers() + 1, hidden, keep("output.weight", vocabulary));
    }
  }

  private void addLayer(int layer) {
    String source = "blk." + layer + ".";
    int group = layer + 1;
    int queryWidth = config.heads() * config.headSize();
    int keyWidth = config.kvHeads() * config.headSize();
    vector(name(layer, "attention_norm"), group, source + "attn_norm.weight");
    matrix(
        name(layer, "qkv"),
        group,
        config.hidden(),
        new Part(source + "attn_q.weight", queryWidth, Order.HALVES),
        new Part(source + "attn_k.weight", keyWidth, Order.HALVES),
        keep(source + "attn_v.weight", keyWidth));
    matrix(
        name(layer, "attention_out"),
        group,
        queryWidth,
        keep(source + "attn_output.weight", config.hidden()));
    vector(name(layer, "feed_forward_norm"), group, source + "ffn_norm.weight");
    matrix(
        name(layer, "gate_up"),
        group,
        config.hidden(),
        keep(source + "ffn_gate.weight", config.feedForward()),
        keep(source + "ffn_up.weight", config.feedForward()));
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

  private void vector(String name, int group, String tensor) {
    Part part = keep(tensor, 1);
    variables.add(new Variable(name, group, 0, config.hidden(), List.of(part)));
  }

  private void matrix(String name, int group, int rows, Part... parts) {
    int columns = 0;
    for (Part part : parts) {
      columns += part.rows();
    }
    variables.add(new Variable(name, group, rows, columns, List.of(parts)));
  }

  List<Variable> variables() {
    return variables;
  }

  int groups() {
    return config.layers() + 2;
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
        long columns = inputs(variable);
        if (info.rows() != part.rows() || info.columns() != columns) {
          throw new UnsupportedModelException(
              "tensor '%s' is %d x %d; the metadata say %d x %d"
                  .formatted(part.tensor(), info.rows(), info.columns(), part.rows(), columns));
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
            "tensor '" + tensor + "' is not part of the Llama models that are supported");
      }
    }
  }

  private int inputs(Variable variable) {
    boolean untransposed = variable.isVector() || variable.name().equals(EMBEDDING);
    return untransposed ? variable.columns() : variable.rows();
  }

  /** The variable's values: bfloat16 of a matrix, 32-bit floats of a vector, row-major. */
  ByteBuffer load(GgufFile file, Variable variable) {
    if (variable.isVector()) {
      float[] values = file.read(variable.parts().get(0).tensor());
      ByteBuffer bytes = allocate(values.length * Float.BYTES);
      bytes.asFloatBuffer().put(values);
      return bytes;
    }
    ByteBuffer bytes = allocate(variable.rows() * variable.columns() * Short.BYTES);
    if (variable.name().equals(EMBEDDING)) {
      copyRows(file, variable.parts().get(0), bytes);
      return bytes;
    }
    int column = 0;
    for (Part part : variable.parts()) {
      transposeInto(file, variable, part, column, bytes);
      column += part.rows();
    }
    return bytes;
  }

  private static ByteBuffer allocate(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static final int ROWS_AT_ONCE = 64;

  private static void copyRows(GgufFile file, Part part, ByteBuffer target) {
    for (int row = 0; row < part.rows(); row += ROWS_AT_ONCE) {
      int count = Math.min(ROWS_AT_ONCE, part.rows() - row);
      for (float value : file.read(part.tensor(), row, count)) {
        target.putShort(Bfloat16.round(value));
      }
    }
    target.flip();
  }

  private void transposeInto(
      GgufFile file, Variable variable, Part part, int firstColumn, ByteBuffer target) {
    int inputs = variable.rows();
    for (int row = 0; row < part.rows(); row += ROWS_AT_ONCE) {
      int count = Math.min(ROWS_AT_ONCE, part.rows() - row);
      float[] values = file.read(part.tensor(), row, count);
      int[] columns = new int[count];
      for (int i = 0; i < count; i++) {
        columns[i] = firstColumn + position(row + i, part.order());
      }
      // input by input, so that neighbouring columns are written together
      for (int input = 0; input < inputs; input++) {
        int base = input * variable.columns();
        for (int i = 0; i < count; i++) {
          target.putShort(
              (base + columns[i]) * Short.BYTES, Bfloat16.round(values[i * inputs + input]));
        }
      }
    }
  }

  private int position(int row, Order order) {
    if (order == Order.KEEP) {
      return row;
    }
    int size = config.headSize();
    int inHead = row % size;
    return row - inHead + (inHead % 2) * (size / 2) + inHead / 2;
  }
}
