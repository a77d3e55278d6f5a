package io.parley.workers.batch;

/**
 * The engine's KV blocks: who holds which. A block has as many references as sequences hold it, and
 * is free again when the last lets go; today each has one holder.
 *
 * <p>The block freed last is given out first. Not thread-safe.
 */
final class KvBlocks {
  private final int blockSize;
  private final int[] references;
  private final int[] free; // a stack
  private int freeCount;

  KvBlocks(int blocks, int blockSize) {
    if (blocks < 1 || blockSize < 1) {
      throw new IllegalArgumentException("blocks and block size are at least 1");
    }
    this.blockSize = blockSize;
    references = new int[blocks];
    free = new int[blocks];
    while (freeCount < blocks) {
      free[freeCount] = blocks - 1 - freeCount;
      freeCount++;
    }
  }

  int freeCount() {
    return freeCount;
  }

  int total() {
    return references.length;
  }

  /** Blocks that hold this many positions. */
  int blocksFor(int positions) {
    return (positions + blockSize - 1) / blockSize;
  }

  /**
   * Lets the table hold this many positions, with new blocks at its end; all or nothing.
   *
   * @return whether there were enough free blocks
   */
  boolean grow(BlockTable table, int positions) {
    int missing = blocksFor(positions) - table.size();
    if (missing > freeCount) {
      return false;
    }
    for (; missing > 0; missing--) {
      int block = free[--freeCount];
      references[block] = 1;
      table.add(block);
    }
    return true;
  }

  /** One more sequence holds the block. */
  void retain(int block) {
    if (references[block] == 0) {
      throw new IllegalStateException("block " + block + " is free");
    }
    references[block]++;
  }

  /** Lets go of all blocks of the table and empties it. */
  void release(BlockTable table) {
    for (int i = table.size() - 1; i >= 0; i--) {
      release(table.get(i));
    }
    table.clear();
  }

  /**
   * Lets go of one block.
   *
   * @throws IllegalStateException when nobody holds it
   */
  void release(int block) {
    if (references[block] == 0) {
      throw new IllegalStateException("block " + block + " is free already");
    }
    if (--references[block] == 0) {
      free[freeCount++] = block;
    }
  }
}
