package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.EngineSettings;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.op.math.Mean;
import org.tensorflow.op.train.BatchMatMul;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * Rotary positions, the write into the KV memory and causal attention over it, for the rows of one
 * call: decode rows, each over its own sequence, then a chunk of one sequence. What does not depend
 * on the layer (places), or is the same for several (rotations, masks), is computed once.
 */
final class DecoderAttention {
  private static final int BLOCK = EngineSettings.BLOCK_SIZE;

  private final Ops tf;
  private final DecoderConfig config;
  private final float hiddenScore;

  private final Operand<TInt32> positions;
  private final Map<RotaryFrequencies, Rotation> rotations = new HashMap<>();

  /** {@code [rows, kvHeads, 2]}: (block of a head, offset) of each new key. */
  private final Operand<TInt32> places;

  private final Operand<TInt32> decodeRows;
  private final Part decode;
  private final Part chunk;

  /** {@code [rows, heads + kvHeads, 2, headSize / 2]}; queries' are scaled for the softmax too. */
  private record Rotation(Operand<TFloat32> cosines, Operand<TFloat32> sines) {}

  /**
   * What one of the two parts attends to.
   *
   * @param blocks {@code [sequences, kvHeads, columns]}: blocks of a head to be gathered
   * @param gathered the shape {@code [sequences, kvHeads, context, headSize]}
   * @param position {@code [context]}
   * @param lastSeen the rows' own positions, in the shape of the scores
   * @param masks added to the scores, by window
   */
  private record Part(
      Operand<TInt32> blocks,
      Operand<TInt32> gathered,
      Operand<TInt32> position,
      Operand<TInt32> lastSeen,
      Map<Integer, Operand<TFloat32>> masks) {}

  /**
   * @param decodeTables {@code [rows, columns]}, null without decode rows
   * @param chunkTable {@code [columns]}, null without a chunk
   */
  DecoderAttention(
      Ops tf,
      DecoderConfig config,
      Operand<TInt32> positions,
      Operand<TInt32> slots,
      Operand<TInt32> decodeTables,
      Operand<TInt32> chunkTable,
      float hiddenScore) {
    this.tf = tf;
    this.config = config;
    this.hiddenScore = hiddenScore;
    this.positions = positions;
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

  private Rotation rotation(RotaryFrequencies frequencies) {
    Operand<TFloat32> angles =
        tf.math.mul(
            tf.expandDims(tf.dtypes.cast(positions, TFloat32.class), tf.constant(1)),
            tf.constant(frequencies.radians()));
    return new Rotation(
        ofAllHeads(tf.math.cos(angles), tf.math.cos(angles)),
        ofAllHeads(tf.math.neg(tf.math.sin(angles)), tf.math.sin(angles)));
  }

  /** From {@code [rows, headSize / 2]} for the two halves of a head to all heads. */
  private Operand<TFloat32> ofAllHeads(Operand<TFloat32> first, Operand<TFloat32> second) {
    float[][][] scales = new float[config.heads() + config.kvHeads()][1][1];
    for (int head = 0; head < scales.length; head++) {
      scales[head][0][0] = head < config.heads() ? config.queryScale() : 1f;
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
    return new Part(blocksOfHeads(tables), shape, position, lastSeen, new HashMap<>());
  }

  private Operand<TFloat32> mask(Part part, int window) {
    return part.masks().computeIfAbsent(window, w -> newMask(part, w));
  }

  private Operand<TFloat32> newMask(Part part, int window) {
    Operand<TBool> hidden = tf.math.greater(part.position(), part.lastSeen());
    if (window > 0) {
      Operand<TInt32> before = tf.math.sub(part.lastSeen(), scalar(window));
      hidden = tf.math.logicalOr(hidden, tf.math.lessEqual(part.position(), before));
    }
    return tf.math.mul(tf.dtypes.cast(hidden, TFloat32.class), tf.constant(hiddenScore));
  }

  /**
   * One layer's attention.
   *
   * @param qkv {@code [rows, (heads + 2 kvHeads) * headSize]}
   * @param headNorms {@code [2 * headSize]}, of queries, then of keys; null: none
   * @return {@code [rows, heads * headSize]}
   */
  Operand<TFloat32> of(
      DecoderLayer layer,
      Operand<TFloat32> qkv,
      Operand<TFloat32> headNorms,
      VarHandleOp keyMemory,
      VarHandleOp valueMemory) {
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
    Operand<TFloat32> queriesAndKeys =
        headNorms == null ? parts.get(0) : normalised(parts.get(0), headNorms);
    Rotation rotation = rotations.computeIfAbsent(layer.rotation(), this::rotation);
    List<Output<TFloat32>> rotated =
        tf.splitV(
                rotate(queriesAndKeys, rotation),
                tf.constant(new int[] {heads, kvHeads}),
                tf.constant(1),
                2L)
            .output();
    Operand<TFloat32> queries =
        tf.reshape(rotated.get(0), tf.constant(new int[] {-1, heads, size}));
    Operand<TFloat32> keys = tf.reshape(rotated.get(1), tf.constant(new int[] {-1, kvHeads, size}));
    Operand<TFloat32> values = tf.reshape(parts.get(1), tf.constant(new int[] {-1, kvHeads, size}));
    Op keysWritten = tf.resourceScatterNdUpdate(keyMemory, places, keys);
    Op valuesWritten = tf.resourceScatterNdUpdate(valueMemory, places, values);
    Ops after = tf.withControlDependencies(keysWritten, valuesWritten);
    Memory memory = new Memory(after, keyMemory, valueMemory, layer.window());
    if (chunk == null) {
      return decode(queries, memory);
    }
    if (decode == null) {
      return chunk(queries, memory);
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
        List.of(decode(decodeQueries, memory), chunk(chunkQueries, memory)), tf.constant(0));
  }

  /** A layer's KV memory, and how much of it a row sees. */
  private record Memory(Ops after, VarHandleOp keys, VarHandleOp values, int window) {}

  /** Each head divided by its root mean square, times the norm of queries or of keys. */
  private Operand<TFloat32> normalised(
      Operand<TFloat32> queriesAndKeys, Operand<TFloat32> headNorms) {
    int size = config.headSize();
    int[] ofHead = new int[config.heads() + config.kvHeads()];
    Arrays.fill(ofHead, config.heads(), ofHead.length, 1);
    Operand<TFloat32> norms =
        tf.gather(
            tf.reshape(headNorms, tf.constant(new int[] {2, size})),
            tf.constant(ofHead),
            scalar(0));
    Operand<TFloat32> heads =
        tf.reshape(queriesAndKeys, tf.constant(new int[] {-1, ofHead.length, size}));
    Operand<TFloat32> meanSquare =
        tf.math.mean(tf.math.square(heads), tf.constant(new int[] {2}), Mean.keepDims(true));
    Operand<TFloat32> scale =
        tf.math.rsqrt(tf.math.add(meanSquare, tf.constant(config.normEpsilon())));
    return tf.math.mul(tf.math.mul(heads, scale), norms);
  }

  /** Turns each pair (value of the first half, value of the second half) by its angle. */
  private Operand<TFloat32> rotate(Operand<TFloat32> queriesAndKeys, Rotation rotation) {
    Operand<TFloat32> halves =
        tf.reshape(
            queriesAndKeys,
            tf.constant(
                new int[] {-1, config.heads() + config.kvHeads(), 2, config.headSize() / 2}));
    Operand<TFloat32> swapped = tf.reverse(halves, tf.constant(new int[] {2}));
    return tf.math.add(
        tf.math.mul(halves, rotation.cosines()), tf.math.mul(swapped, rotation.sines()));
  }

  /** Each row is a sequence; the query heads that share a key head are the rows of its product. */
  private Operand<TFloat32> decode(Operand<TFloat32> queries, Memory memory) {
    Operand<TFloat32> grouped =
        tf.reshape(
            queries,
            tf.constant(new int[] {-1, config.kvHeads(), config.group(), config.headSize()}));
    Operand<TFloat32> scores =
        tf.train.batchMatMul(grouped, keys(decode, memory), TFloat32.class, BatchMatMul.adjY(true));
    Operand<TFloat32> weights = tf.nn.softmax(tf.math.add(scores, mask(decode, memory.window())));
    Operand<TFloat32> mixed = tf.train.batchMatMul(weights, values(decode, memory), TFloat32.class);
    return tf.reshape(mixed, tf.constant(new int[] {-1, config.heads() * config.headSize()}));
  }

  /** All rows are one sequence, so each head's scores are one large product. */
  private Operand<TFloat32> chunk(Operand<TFloat32> queries, Memory memory) {
    int kvHeads = config.kvHeads();
    int size = config.headSize();
    // [chunk, kvHeads, group, size] to [kvHeads, group, chunk, size]
    Operand<TFloat32> grouped =
        tf.linalg.transpose(
            tf.reshape(queries, tf.constant(new int[] {-1, kvHeads, config.group(), size})),
            tf.constant(new int[] {1, 2, 0, 3}));
    Operand<TFloat32> flat = tf.reshape(grouped, tf.constant(new int[] {1, kvHeads, -1, size}));
    Operand<TFloat32> scores =
        tf.train.batchMatMul(flat, keys(chunk, memory), TFloat32.class, BatchMatMul.adjY(true));
    Operand<TInt32> context = tf.gather(tf.shape(scores), scalar(3), scalar(0));
    Operand<TInt32> scoreShape =
        tf.stack(List.of(scalar(kvHeads), scalar(config.group()), scalar(-1), context));
    Operand<TFloat32> masked =
        tf.math.add(tf.reshape(scores, scoreShape), mask(chunk, memory.window()));
    Operand<TFloat32> weights = tf.reshape(tf.nn.softmax(masked), tf.shape(scores));
    Operand<TFloat32> mixed = tf.train.batchMatMul(weights, values(chunk, memory), TFloat32.class);
    Operand<TFloat32> rows =
        tf.linalg.transpose(
            tf.reshape(mixed, tf.shape(grouped)), tf.constant(new int[] {2, 0, 1, 3}));
    return tf.reshape(rows, tf.constant(new int[] {-1, config.heads() * size}));
  }

  private Operand<TFloat32> keys(Part part, Memory memory) {
    return gather(part, memory.after(), memory.keys());
  }

  private Operand<TFloat32> values(Part part, Memory memory) {
    return gather(part, memory.after(), memory.values());
  }

  private Operand<TFloat32> gather(Part part, Ops after, VarHandleOp memory) {
    return tf.reshape(after.resourceGather(memory, part.blocks(), TFloat32.class), part.gathered());
  }
}
