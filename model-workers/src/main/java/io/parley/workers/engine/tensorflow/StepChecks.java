package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;

/**
 * Refuses a step that the graph must not see: an index out of range there could end the process.
 */
final class StepChecks {
  private StepChecks() {}

  /**
   * @throws IllegalArgumentException naming what is out of range
   */
  static void check(StepInput input, EngineSpec spec) {
    int count = input.tokens().length;
    require(count >= 1 && count <= spec.maxBatchTokens(), "tokens in a step", count);
    require(input.positions().length == count, "number of positions", input.positions().length);
    require(input.sequences().length == count, "number of sequences", input.sequences().length);
    boolean[] seen = new boolean[input.blockTables().length];
    for (int i = 0; i < count; i++) {
      checkToken(input, spec, i);
      boolean continues = i > 0 && input.sequences()[i] == input.sequences()[i - 1];
      int sequence = input.sequences()[i];
      require(continues || !seen[sequence], "sequence is not contiguous", sequence);
      require(
          !continues || input.positions()[i] == input.positions()[i - 1] + 1,
          "position does not follow the one before",
          input.positions()[i]);
      seen[sequence] = true;
    }
    checkTables(input, spec, seen);
    for (int row : input.rows()) {
      require(row >= 0 && row < count, "row", row);
    }
  }

  private static void checkToken(StepInput input, EngineSpec spec, int i) {
    int token = input.tokens()[i];
    require(token >= 0 && token < spec.vocabularySize(), "token id", token);
    int position = input.positions()[i];
    require(position >= 0 && position < spec.contextLength(), "position", position);
    int sequence = input.sequences()[i];
    require(sequence >= 0 && sequence < input.blockTables().length, "sequence", sequence);
    int[] table = input.blockTables()[sequence];
    require(position / spec.blockSize() < table.length, "position past its block table", position);
  }

  private static void checkTables(StepInput input, EngineSpec spec, boolean[] used) {
    for (int sequence = 0; sequence < used.length; sequence++) {
      if (used[sequence]) {
        for (int block : input.blockTables()[sequence]) {
          require(block >= 0 && block < spec.blocks(), "block id", block);
        }
      }
    }
  }

  private static void require(boolean condition, String what, int value) {
    if (!condition) {
      throw new IllegalArgumentException(what + " out of range: " + value);
    }
  }
}
