package io.parley.workers.batch;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What the KV blocks hold: for each full and computed block its hash and its tokens. At most one
 * block has a hash, so two that were filled with the same tokens side by side are not both in here.
 *
 * <p>A <em>tail</em> is the last block of a sequence that left, filled in part. It is found by the
 * hash of what stands before it and its tokens are compared; several tails may follow the same
 * beginning. Not thread-safe.
 */
final class PrefixIndex {
  /** The most tails of one beginning; the newest are kept. */
  static final int TAILS_MAX = 64;

  /**
   * A tail, and how many of its tokens fit.
   *
   * @param common at least 1
   */
  record Tail(int block, int common) {}

  private final Map<PrefixHash, Integer> blocks = new HashMap<>();
  private final Map<PrefixHash, Deque<Integer>> tails = new HashMap<>(); // the newest first
  // of each block, of a tail the one before it; null where it holds nothing to be found
  private final PrefixHash[] hashes;
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

  /**
   * The tail that has most in common with the tokens from {@code from} to {@code to}. One that
   * differs in more than half of its own tokens is left to who goes on from it.
   *
   * @param before the hash of all that stands before {@code from}
   */
  Optional<Tail> findTail(PrefixHash before, int[] all, int from, int to) {
    Tail best = new Tail(-1, 0);
    for (int block : tails.getOrDefault(before, new ArrayDeque<>())) {
      int[] held = tokens[block];
      int mismatch = Arrays.mismatch(held, 0, held.length, all, from, to);
      int common = mismatch < 0 ? held.length : mismatch;
      if (common > best.common() && 2 * common >= held.length) {
        best = new Tail(block, common);
      }
    }
    return best.common() > 0 ? Optional.of(best) : Optional.empty();
  }

  /**
   * Lets a block that is in here for nothing else be found as a tail.
   *
   * @return the tail that had to go for it, if any
   */
  Optional<Integer> putTail(int block, PrefixHash before, int[] all, int from, int to) {
    Deque<Integer> others = tails.computeIfAbsent(before, hash -> new ArrayDeque<>());
    Optional<Integer> oldest =
        others.size() < TAILS_MAX ? Optional.empty() : Optional.of(others.getLast());
    others.addFirst(block);
    hashes[block] = before;
    tokens[block] = Arrays.copyOfRange(all, from, to);
    oldest.ifPresent(this::remove);
    return oldest;
  }

  void remove(int block) {
    if (hashes[block] != null) {
      if (!blocks.remove(hashes[block], block)) {
        Deque<Integer> others = tails.get(hashes[block]);
        others.remove(block);
        if (others.isEmpty()) {
          tails.remove(hashes[block]);
        }
      }
      hashes[block] = null;
      tokens[block] = null;
    }
  }
}
