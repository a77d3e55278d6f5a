package io.parley.workers.batch;

import java.util.Optional;

/**
 * The engine's KV blocks: who holds which, and what can be found in them. A block has as many
 * references as sequences hold it. When the last lets go it is <em>empty</em>, or, if its content
 * is in the {@link PrefixIndex}, <em>cached</em>: it can be held again for what is in it, until it
 * is needed for something else. A tail is held by one sequence at most, which goes on in it.
 *
 * <p>Empty blocks are given out before cached ones, the one emptied last first; of the cached ones
 * the one that was let go longest ago. A table is let go from its end, so the end of a prefix is
 * given up before its beginning, without which it could not be found. Not thread-safe.
 */
final class KvBlocks {
  private final int blockSize;
  private final PrefixIndex index;
  private final int[] references;
  private final int[] empty; // a stack
  private int emptyCount;
  // the cached ones as a ring, in the order in which they were let go; its last place is the head
  private final int[] next;
  private final int[] previous;
  private int cachedCount;

  KvBlocks(int blocks, int blockSize) {
    if (blocks < 1 || blockSize < 1) {
      throw new IllegalArgumentException("blocks and block size are at least 1");
    }
    this.blockSize = blockSize;
    index = new PrefixIndex(blocks);
    references = new int[blocks];
    empty = new int[blocks];
    while (emptyCount < blocks) {
      empty[emptyCount] = blocks - 1 - emptyCount;
      emptyCount++;
    }
    next = new int[blocks + 1];
    previous = new int[blocks + 1];
    next[blocks] = blocks;
    previous[blocks] = blocks;
  }

  int blockSize() {
    return blockSize;
  }

  /** Blocks that nobody holds, the cached ones among them. */
  int freeCount() {
    return emptyCount + cachedCount;
  }

  int cachedCount() {
    return cachedCount;
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
    if (missing > freeCount()) {
      return false;
    }
    for (; missing > 0; missing--) {
      int block = emptyCount > 0 ? empty[--emptyCount] : evict();
      references[block] = 1;
      table.add(block);
    }
    return true;
  }

  /**
   * Holds the block that has this content.
   *
   * @return it, or -1 when there is none
   */
  int hold(PrefixHash hash, int[] tokens, int from) {
    int block = index.find(hash, tokens, from);
    if (block >= 0 && references[block]++ == 0) {
      unlink(block);
    }
    return block;
  }

  /** Lets a block, which somebody holds, be found by its content, unless another one has it. */
  void publish(int block, PrefixHash hash, int[] tokens, int from) {
    checkHeld(block);
    index.put(block, hash, tokens, from, from + blockSize);
  }

  /**
   * Takes the tail that has most in common with these tokens; it is not found any more.
   *
   * @param before the hash of all that stands before {@code from}
   */
  Optional<PrefixIndex.Tail> takeTail(PrefixHash before, int[] tokens, int from, int to) {
    Optional<PrefixIndex.Tail> tail = index.findTail(before, tokens, from, to);
    tail.ifPresent(
        taken -> {
          unlink(taken.block());
          index.remove(taken.block());
          references[taken.block()] = 1;
        });
    return tail;
  }

  /** Lets go of a block that its only holder filled in part, and lets it be found as a tail. */
  void releaseTail(int block, PrefixHash before, int[] tokens, int from, int to) {
    checkHeld(block);
    index
        .putTail(block, before, tokens, from, to)
        .ifPresent(
            oldest -> {
              unlink(oldest);
              empty[emptyCount++] = oldest;
            });
    release(block);
  }

  /** The block, which somebody holds, is not found any more. */
  void forget(int block) {
    checkHeld(block);
    index.remove(block);
  }

  /** Lets go of all blocks of the table and empties it. */
  void release(BlockTable table) {
    releaseAfter(table, -1);
  }

  /** Lets go of the table's blocks behind the one at {@code last}. */
  void releaseAfter(BlockTable table, int last) {
    while (table.size() > last + 1) {
      release(table.removeLast());
    }
  }

  /**
   * Lets go of one block.
   *
   * @throws IllegalStateException when nobody holds it
   */
  void release(int block) {
    checkHeld(block);
    if (--references[block] > 0) {
      return;
    }
    if (index.contains(block)) {
      link(block);
    } else {
      empty[emptyCount++] = block;
    }
  }

  private int evict() {
    int block = next[total()];
    unlink(block);
    index.remove(block);
    return block;
  }

  private void link(int block) {
    int head = total();
    int last = previous[head];
    next[last] = block;
    previous[block] = last;
    next[block] = head;
    previous[head] = block;
    cachedCount++;
  }

  private void unlink(int block) {
    next[previous[block]] = next[block];
    previous[next[block]] = previous[block];
    cachedCount--;
  }

  private void checkHeld(int block) {
    if (references[block] == 0) {
      throw new IllegalStateException("nobody holds block " + block);
    }
  }
}
