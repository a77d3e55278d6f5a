package io.parley.workers.batch;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * What the KV blocks hold: for each full and computed block its hash and its tokens. At most one
 * block has a hash, so two that were filled with the same tokens side by side are not both in here.
 * Not thread-safe.
 */
final class PrefixIndex {
  private final Map<PrefixHash, Integer> blocks = new HashMap<>();
  private final PrefixHash[] hashes; // of each block; null where it holds nothing to be found
  private final int[][] tokens;

  PrefixIndex(int blocks) {
    hashes = new PrefixHash[blocks];
    tokens = new int[blocks][];
  }

  boolean contains(int block) {
    return hashes[block] != null;
  }

  /**
   * The block with this hash, or -1. Its tokens are compared, too.
   *
   * @param all the tokens of a sequence, of which those of the block begin at {@code from}
   */
  int find(PrefixHash hash, int[] all, int from) {
    Integer block = blocks.get(hash);
    if (block == null) {
      return -1;
    }
    int[] held = tokens[block];
    return Arrays.equals(held, 0, held.length, all, from, from + held.length) ? block : -1;
  }

  /** Lets the block be found, unless another one has the hash. */
  void put(int block, PrefixHash hash, int[] all, int from, int to) {
    if (hashes[block] == null && blocks.putIfAbsent(hash, block) == null) {
      hashes[block] = hash;
      tokens[block] = Arrays.copyOfRange(all, from, to);
    }
  }

  void remove(int block) {
    if (hashes[block] != null) {
      blocks.remove(hashes[block]);
      hashes[block] = null;
      tokens[block] = null;
    }
  }
}
