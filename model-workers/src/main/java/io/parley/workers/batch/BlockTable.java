package io.parley.workers.batch;

import java.util.Arrays;

/** The KV blocks of one sequence, in the order of its positions. */
final class BlockTable {
  private int[] blocks = new int[8];
  private int size;

  int size() {
    return size;
  }

  int get(int i) {
    return blocks[i];
  }

  void add(int block) {
    if (size == blocks.length) {
      blocks = Arrays.copyOf(blocks, 2 * size);
    }
    blocks[size++] = block;
  }

  /** Puts another block in the i-th place. */
  void set(int i, int block) {
    blocks[i] = block;
  }

  /** Takes the last one out. */
  int removeLast() {
    return blocks[--size];
  }

  /** The table as a row of {@code width} entries, 0 past the end. */
  int[] row(int width) {
    return Arrays.copyOf(Arrays.copyOf(blocks, size), width);
  }
}
