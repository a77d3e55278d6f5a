package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.EngineSettings;
import java.util.Arrays;
import java.util.List;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.op.train.BatchMatMul;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * Rotary positions, the write into the KV memory and causal attention over it, for the rows of one
 * call: decode rows, each over its own sequence, then a chunk of one sequence. What does not depend
 * on the layer (rotations, places, masks) is computed once.
 */
final class LlamaAttention {
  private static final int BLOCK = EngineSettings.BLOCK_SIZE;

  private final Ops tf;
  private final LlamaConfig config;
  private final float hiddenScore;

  /** {@code [rows, heads + kvHeads, 2, headSize / 2]}; queries' are scaled for the softmax too. */
  private final Operand<TFloat32> cosines;

  private final Operand<TFloat32> sines;

  /** {@code [rows, kvHeads, 2]}: (block of a head, offset) of each new key. */
  private final Operand<TInt32> places;

  private final Operand<TInt32> decodeRows;
  private final Part decode;
  private final Part chunk;

  /**
   * What one of the two parts attends to.
   *
   * @param blocks {@code [sequences, kvHeads, columns]}: blocks of a head to be gathered
   * @param gathered the shape {@code [sequences, kvHeads, context, headSize]}
   * @param mask added to the scores
   */
  private record Part(Operand<TInt32> blocks, Operand<TInt32> gathered, Operand<TFloat32> mask) {}

  /**
   * @param decodeTables {@code [rows, columns]}, null without decode rows
   * @param chunkTable {@code [columns]}, null without a chunk
   */
  LlamaAttention(
      Ops tf,
      LlamaConfig config,
      Operand<TInt32> positions,
      Operand<TInt32> slots,
      Operand<TInt32> decodeTables,
      Operand<TInt32> chunkTable,
      float hiddenScore) {
    this.tf = tf;
    this.config = config;
    this.hiddenScore = hiddenScore;
    Operand<TFloat32> angles =
        tf.math.mul(
            tf.expandDims(tf.dtypes.cast(positions, TFloat32.class), tf.constant(1)),
            tf.constant(config.rotationFrequencies()));
    this.cosines = rotation(tf.math.cos(angles), tf.math.cos(angles));
    this.sines = rotation(tf.math.neg(tf.math.sin(angles)), tf.math.sin(angles));
    this.places = places(slots);
    boolean both = decodeTables != null && chunkTable != null;
    this.decodeRows =
        decodeTables == null ? null : tf.gather(tf.shape(decodeTables), scalar(0), scalar(0));
    Operand<TInt32> decodePositions =
        both ? tf.slice(positions, tf.constant(new int[] {0}), vector(decodeRows)) : positions;
    Operand<TInt32> chunkPositions =
        both ? tf.slice(positions, vector(decodeRows), tf.constant(new int[] {-1})) : positions;
    this.decode = decodeTables == null ? null : decodePart(decodeTables, decodePositions);
    this.chunk = chunkTable == null ? null : chunkPart(chunkTable, chunkPositions);
  }

  private Operand<TInt32> scalar(int value) {
    return tf.constant(value);
  }

  private Operand<TInt32> vector(Operand<TInt32> scalar) {
    return tf.expandDims(scalar, tf.constant(0));
  }

  /** From {@code [rows, headSize / 2]} for the two halves of a head to all heads. */
  private Operand<TFloat32> rotation(Operand<TFloat32> first, Operand<TFloat32> second) {
    float[][][] scales = new float[config.heads() + config.kvHeads()][1][1];
    for (int head = 0; head < scales.length; head++) {
      scales[head][0][0] = head < config.heads() ? (float) (1 / Math.sqrt(config.headSize())) : 1f;
    }
    Operand<TFloat32> halves =
        tf.stack(List.of(first, second), org.tensorflow.op.core.Stack.axis(1L));
    return tf.math.mul(tf.expandDims(halves, tf.constant(1)), tf.constant(scales));
  }

  private Operand<TInt32> places(Operand<TInt32> slots) {
    Operand<TInt32> block = tf.math.floorDiv(slots, scalar(BLOCK));
    Operand<TInt32> offset = tf.math.floorMod(slots, scalar(BLOCK));
    Operand<TInt32> ofHead = blocksOfHeads(tf.expandDims(block, tf.constant(1)));
    Operand<TInt32> offsets =
        tf.math.add(
            tf.zerosLike(ofHead),
            tf.expandDims(tf.expandDims(offset, tf.constant(1)), tf.constant(1)));
    return tf.concat(List.of(ofHead, offsets), tf.constant(2));
  }

  /** {@code [n, columns]} block ids to {@code [n, kvHeads, columns]} rows of the KV memory. */
  private Operand<TInt32> blocksOfHeads(Operand<TInt32> blocks) {
    int[][] heads = new int[config.kvHeads()][1];
    Arrays.setAll(heads, head -> new int[] {head});
    Operand<TInt32> first = tf.math.mul(blocks, scalar(config.kvHeads()));
    return tf.math.add(tf.expandDims(first, tf.constant(1)), tf.constant(heads));
  }

  private Part decodePart(Operand<TInt32> tables, Operand<TInt32> positions) {
    // [rows, 1, 1, context]
    Operand<TInt32> last = tf.reshape(positions, tf.constant(new int[] {-1, 1, 1, 1}));
    return part(tables, last);
  }

  private Part chunkPart(Operand<TInt32> table, Operand<TInt32> positions) {
    // [1, 1, chunk, context]
    Operand<TInt32> last = tf.reshape(positions, tf.constant(new int[] {1, 1, -1, 1}));
    return part(tf.expandDims(table, tf.constant(0)), last);
  }

  private Part part(Operand<TInt32> tables, Operand<TInt32> lastSeen) {
    Operand<TInt32> columns = tf.gather(tf.shape(tables), scalar(1), scalar(0));
    Operand<TInt32> context = tf.math.mul(columns, scalar(BLOCK));
    Operand<TInt32> shape =
        tf.stack(List.of(scalar(-1), scalar(config.kvHeads()), context, scalar(config.headSize())));
    Operand<TInt32> position = tf.range(scalar(0), context, scalar(1));
    Operand<TFloat32> mask =
        tf.math.mul(
            tf.dtypes.cast(tf.math.greater(position, lastSeen), TFloat32.class),
            tf.constant(hiddenScore));
    return new Part(blocksOfHeads(tables), shape, mask);
  }

  /**
   * One layer's attention.
   *
   * @param qkv {@code [rows, (heads + 2 kvHeads) * headSize]}
   * @return {@code [rows, heads * headSize]}
   */
  Operand<TFloat32> of(Operand<TFloat32> qkv, VarHandleOp keyMemory, VarHandleOp valueMemory) {
    int heads = config.heads();
    int kvHeads = config.kvHeads();
    int size = config.headSize();
    List<Output<TFloat32>> parts =
        tf.splitV(
                qkv,
                tf.constant(new int[] {(heads + kvHeads) * size, kvHeads * size}),
                tf.constant(1),
                2L)
            .output();
    List<Output<TFloat32>> rotated =
        tf.splitV(rotate(parts.get(0)), tf.constant(new int[] {heads, kvHeads}), tf.constant(1), 2L)
            .output();
    Operand<TFloat32> queries =
        tf.reshape(rotated.get(0), tf.constant(new int[] {-1, heads, size}));
    Operand<TFloat32> keys = tf.reshape(rotated.get(1), tf.constant(new int[] {-1, kvHeads, size}));
    Operand<TFloat32> values = tf.reshape(parts.get(1), tf.constant(new int[] {-1, kvHeads, size}));
    Op keysWritten = tf.resourceScatterNdUpdate(keyMemory, places, keys);
    Op valuesWritten = tf.resourceScatterNdUpdate(valueMemory, places, values);
    Ops after = tf.withControlDependencies(keysWritten, valuesWritten);
    if (chunk == null) {
      return decode(after, queries, keyMemory, valueMemory);
    }
    if (decode == null) {
      return chunk(after, queries, keyMemory, valueMemory);
    }
    Operand<TInt32> zeros = tf.constant(new int[] {0, 0});
    Operand<TInt32> all = tf.constant(new int[] {-1, -1});
    Operand<TFloat32> decodeQueries =
        tf.slice(
            queries,
            tf.constant(new int[] {0, 0, 0}),
            tf.concat(List.of(vector(decodeRows), all), tf.constant(0)));
    Operand<TFloat32> chunkQueries =
        tf.slice(
            queries,
            tf.concat(List.of(vector(decodeRows), zeros), tf.constant(0)),
            tf.constant(new int[] {-1, -1, -1}));
    return tf.concat(
        List.of(
            decode(after, decodeQueries, keyMemory, valueMemory),
            chunk(after, chunkQueries, keyMemory, valueMemory)),
        tf.constant(0));
  }

  /** Turns each pair (value of the first half, value of the second half) by its angle. */
  private Operand<TFloat32> rotate(Operand<TFloat32> queriesAndKeys) {
    Operand<TFloat32> halves =
        tf.reshape(
            queriesAndKeys,
            tf.constant(
                new int[] {-1, config.heads() + config.kvHeads(), 2, config.headSize() / 2}));
    Operand<TFloat32> swapped = tf.reverse(halves, tf.constant(new int[] {2}));
    return tf.math.add(tf.math.mul(halves, cosines), tf.math.mul(swapped, sines));
  }

  /** Each row is a sequence; the query heads that share a key head are the rows of its product. */
  private Operand<TFloat32> decode(
      Ops after, Operand<TFloat32> queries, VarHandleOp keyMemory, VarHandleOp valueMemory) {
    Operand<TFloat32> grouped =
        tf.reshape(
            queries,
            tf.constant(new int[] {-1, config.kvHeads(), config.group(), config.headSize()}));
    Operand<TFloat32> scores =
        tf.train.batchMatMul(
            grouped, gather(after, decode, keyMemory), TFloat32.class, BatchMatMul.adjY(true));
    Operand<TFloat32> weights = tf.nn.softmax(tf.math.add(scores, decode.mask()));
    Operand<TFloat32> mixed =
        tf.train.batchMatMul(weights, gather(after, decode, valueMemory), TFloat32.class);
    return tf.reshape(mixed, tf.constant(new int[] {-1, config.heads() * config.headSize()}));
  }

  /** All rows are one sequence, so each head's scores are one large product. */
  private Operand<TFloat32> chunk(
      Ops after, Operand<TFloat32> queries, VarHandleOp keyMemory, VarHandleOp valueMemory) {
    int kvHeads = config.kvHeads();
    int size = config.headSize();
    // [chunk, kvHeads, group, size] to [kvHeads, group, chunk, size]
    Operand<TFloat32> grouped =
        tf.linalg.transpose(
            tf.reshape(queries, tf.constant(new int[] {-1, kvHeads, config.group(), size})),
            tf.constant(new int[] {1, 2, 0, 3}));
    Operand<TFloat32> flat = tf.reshape(grouped, tf.constant(new int[] {1, kvHeads, -1, size}));
    Operand<TFloat32> scores =
        tf.train.batchMatMul(
            flat, gather(after, chunk, keyMemory), TFloat32.class, BatchMatMul.adjY(true));
    Operand<TInt32> context = tf.gather(tf.shape(scores), scalar(3), scalar(0));
    Operand<TInt32> scoreShape =
        tf.stack(List.of(scalar(kvHeads), scalar(config.group()), scalar(-1), context));
    Operand<TFloat32> masked = tf.math.add(tf.reshape(scores, scoreShape), chunk.mask());
    Operand<TFloat32> weights = tf.reshape(tf.nn.softmax(masked), tf.shape(scores));
    Operand<TFloat32> mixed =
        tf.train.batchMatMul(weights, gather(after, chunk, valueMemory), TFloat32.class);
    Operand<TFloat32> rows =
        tf.linalg.transpose(
            tf.reshape(mixed, tf.shape(grouped)), tf.constant(new int[] {2, 0, 1, 3}));
    return tf.reshape(rows, tf.constant(new int[] {-1, config.heads() * size}));
  }

  private Operand<TFloat32> gather(Ops after, Part part, VarHandleOp memory) {
    return tf.reshape(after.resourceGather(memory, part.blocks(), TFloat32.class), part.gathered());
  }
}
