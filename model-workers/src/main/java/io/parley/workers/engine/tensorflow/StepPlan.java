package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Splits a ragged batch into calls of the graph. One call takes any number of decode rows (a single
 * token of a sequence) and at most one chunk (several tokens of one sequence): a batch of decode
 * rows and one prefill chunk, the usual iteration, is one call, so the weights are read once. Each
 * further chunk is a call of its own; attention then never pads one sequence's length to another's,
 * and its memory is bounded: what would need more than {@code scratchFloats} is split further.
 */
final class StepPlan {
  /**
   * A call of the graph: decode rows first, then the chunk.
   *
   * @param slots where in the KV memory each token goes: block times block size plus offset
   * @param decodeTables {@code [decodeRows][columns]}, flat
   * @param chunkTable empty when there is no chunk
   * @param rows which of the call's tokens logits are wanted of
   * @param outputs the row of the step's logits for each of {@code rows}
   */
  @SuppressWarnings("ArrayRecordComponent") // crosses into native code; never compared
  record Call(
      int[] tokens,
      int[] positions,
      int[] slots,
      int decodeRows,
      int[] decodeTables,
      int[] chunkTable,
      int[] rows,
      int[] outputs) {
    boolean hasChunk() {
      return chunkTable.length > 0;
    }
  }

  /** Tokens {@code [from, to)} of the input, all of one sequence. */
  private record Run(int from, int to) {
    int length() {
      return to - from;
    }
  }

  private final StepInput input;
  private final int blockSize;
  private final int floatsPerPosition;
  private final int heads;
  private final long scratchFloats;
  private final List<Call> calls = new ArrayList<>();
  private final int[][] outputsOfToken;

  private StepPlan(
      StepInput input, int blockSize, int floatsPerPosition, int heads, long scratchFloats) {
    this.input = input;
    this.blockSize = blockSize;
    this.floatsPerPosition = floatsPerPosition;
    this.heads = heads;
    this.scratchFloats = scratchFloats;
    this.outputsOfToken = new int[input.tokens().length][];
    for (int i = 0; i < input.rows().length; i++) {
      int row = input.rows()[i];
      int[] known = outputsOfToken[row];
      outputsOfToken[row] = known == null ? new int[1] : Arrays.copyOf(known, known.length + 1);
      outputsOfToken[row][outputsOfToken[row].length - 1] = i;
    }
  }

  /**
   * @param input checked by {@link StepChecks}
   * @param scratchFloats bound of what one layer's attention holds at a time
   */
  static List<Call> of(StepInput input, EngineSpec spec, DecoderConfig config, long scratchFloats) {
    StepPlan plan =
        new StepPlan(
            input,
            spec.blockSize(),
            2 * config.kvHeads() * config.headSize(),
            config.heads(),
            scratchFloats);
    plan.split();
    return plan.calls;
  }

  private void split() {
    List<Run> decodes = new ArrayList<>();
    List<Run> chunks = new ArrayList<>();
    int[] sequences = input.sequences();
    for (int from = 0; from < sequences.length; ) {
      int to = from + 1;
      while (to < sequences.length && sequences[to] == sequences[from]) {
        to++;
      }
      if (to - from == 1) {
        decodes.add(new Run(from, to));
      } else {
        addChunks(chunks, from, to);
      }
      from = to;
    }
    List<List<Run>> groups = decodeGroups(decodes);
    for (int i = 0; i < Math.max(groups.size(), chunks.size()); i++) {
      List<Run> group = i < groups.size() ? groups.get(i) : List.of();
      calls.add(call(group, i < chunks.size() ? chunks.get(i) : null));
    }
  }

  /** A chunk's scores are heads x chunk x context. */
  private void addChunks(List<Run> chunks, int from, int to) {
    for (int start = from; start < to; ) {
      long context = blocks(input.positions()[to - 1]) * (long) blockSize;
      int most = (int) Math.max(1, Math.min(to - start, scratchFloats / (context * heads)));
      chunks.add(new Run(start, start + most));
      start += most;
    }
  }

  /** The keys and values of a group are copied side by side, as wide as its longest sequence. */
  private List<List<Run>> decodeGroups(List<Run> decodes) {
    List<List<Run>> groups = new ArrayList<>();
    List<Run> group = new ArrayList<>();
    int columns = 0;
    for (Run run : decodes) {
      int wider = Math.max(columns, blocks(input.positions()[run.from()]));
      long floats = (group.size() + 1L) * wider * blockSize * floatsPerPosition;
      if (!group.isEmpty() && floats > scratchFloats) {
        groups.add(group);
        group = new ArrayList<>();
        wider = blocks(input.positions()[run.from()]);
      }
      group.add(run);
      columns = wider;
    }
    if (!group.isEmpty()) {
      groups.add(group);
    }
    return groups;
  }

  private Call call(List<Run> decodes, Run chunk) {
    int size = decodes.size() + (chunk == null ? 0 : chunk.length());
    int[] source = new int[size];
    for (int i = 0; i < decodes.size(); i++) {
      source[i] = decodes.get(i).from();
    }
    for (int i = decodes.size(); i < size; i++) {
      source[i] = chunk.from() + i - decodes.size();
    }
    int[] tokens = new int[size];
    int[] positions = new int[size];
    int[] slots = new int[size];
    int[] rows = new int[input.rows().length];
    int[] outputs = new int[input.rows().length];
    int wanted = 0;
    for (int i = 0; i < size; i++) {
      tokens[i] = input.tokens()[source[i]];
      positions[i] = input.positions()[source[i]];
      slots[i] = slot(source[i]);
      if (outputsOfToken[source[i]] != null) {
        for (int output : outputsOfToken[source[i]]) {
          rows[wanted] = i;
          outputs[wanted++] = output;
        }
      }
    }
    return new Call(
        tokens,
        positions,
        slots,
        decodes.size(),
        decodeTables(decodes),
        chunk == null ? new int[0] : table(chunk),
        Arrays.copyOf(rows, wanted),
        Arrays.copyOf(outputs, wanted));
  }

  private int[] decodeTables(List<Run> decodes) {
    int columns = 0;
    for (Run run : decodes) {
      columns = Math.max(columns, blocks(input.positions()[run.from()]));
    }
    int[] tables = new int[decodes.size() * columns];
    for (int i = 0; i < decodes.size(); i++) {
      int[] table = table(decodes.get(i));
      System.arraycopy(table, 0, tables, i * columns, table.length);
    }
    return tables;
  }

  /** The used blocks of a run's sequence, up to the run's last position. */
  private int[] table(Run run) {
    int[] table = input.blockTables()[input.sequences()[run.from()]];
    return Arrays.copyOf(table, blocks(input.positions()[run.to() - 1]));
  }

  private int slot(int token) {
    int position = input.positions()[token];
    int block = input.blockTables()[input.sequences()[token]][position / blockSize];
    return block * blockSize + position % blockSize;
  }

  private int blocks(int lastPosition) {
    return lastPosition / blockSize + 1;
  }
}
