package io.parley.workers.batch;

import io.parley.routing.protocol.ModelId;

/**
 * Lets sequences of one tenant share the KV blocks of what they have in common: an earlier turn, a
 * system prompt. A block can be shared once it is full and computed, also while its sequence runs;
 * nobody writes to it again. A sequence that leaves lends its last block, filled in part, to one
 * that goes on from there: a session's next turn computes what is new. The last token of a sequence
 * is always computed, for its logits.
 */
final class PrefixCache {
  private final boolean on;
  private final KvBlocks blocks;
  private final ModelId model;
  private final int blockSize;
  private final PrefixHash.Chain chain;
  private long foundTokens;

  PrefixCache(boolean on, KvBlocks blocks, ModelId model) {
    this.on = on;
    this.blocks = blocks;
    this.model = model;
    blockSize = blocks.blockSize();
    chain = new PrefixHash.Chain(blockSize);
  }

  /** Tokens that were found and not computed, since the start. */
  long foundTokens() {
    return foundTokens;
  }

  /** Gives a sequence that has no blocks those of its beginning that are found. */
  void takeFound(Sequence sequence) {
    for (int block = 0; on && isBeforeLastToken(sequence, block); block++) {
      int found = hold(sequence, block);
      if (found < 0) {
        break;
      }
      sequence.blocks.add(found);
    }
  }

  /** A sequence that took found blocks enters: they need not be computed. */
  void entered(Sequence sequence, int foundBlocks) {
    sequence.computed = foundBlocks * blockSize;
    takeTail(sequence, foundBlocks);
    foundTokens += sequence.computed;
  }

  /** It has blocks for all of its tokens, so the tail takes the place of an empty one. */
  private void takeTail(Sequence sequence, int block) {
    int from = sequence.computed;
    int to = Math.min(from + blockSize, sequence.length() - 1);
    if (!on || to <= from) {
      return;
    }
    blocks
        .takeTail(before(sequence, block), sequence.tokens(), from, to)
        .ifPresent(
            tail -> {
              blocks.release(sequence.blocks.get(block));
              sequence.blocks.set(block, tail.block());
              sequence.computed += tail.common();
            });
  }

  /** A sequence lets go of its blocks. */
  void leave(Sequence sequence) {
    int full = sequence.computed / blockSize;
    int from = full * blockSize;
    if (on && sequence.computed > from) {
      blocks.releaseAfter(sequence.blocks, full);
      int tail = sequence.blocks.removeLast();
      blocks.releaseTail(tail, before(sequence, full), sequence.tokens(), from, sequence.computed);
    }
    blocks.release(sequence.blocks);
  }

  /** Another sequence may have computed meanwhile what is next for this one: then it takes that. */
  void skipFound(Sequence sequence) {
    while (on && sequence.computed % blockSize == 0) {
      int block = sequence.computed / blockSize;
      int found = isBeforeLastToken(sequence, block) ? hold(sequence, block) : -1;
      if (found < 0) {
        return;
      }
      blocks.release(sequence.blocks.get(block));
      sequence.blocks.set(block, found);
      sequence.computed += blockSize;
      foundTokens += blockSize;
    }
  }

  /** The sequence's tokens from {@code from} to its computed ones are in its blocks. */
  void publish(Sequence sequence, int from) {
    int end = sequence.computed / blockSize;
    for (int block = from / blockSize; on && block < end; block++) {
      blocks.publish(
          sequence.blocks.get(block), hash(sequence, block), sequence.tokens(), block * blockSize);
    }
  }

  /** Something is wrong with the keys and values of a sequence: nobody may find them. */
  void forget(Sequence sequence) {
    for (int block = 0; block < sequence.blocks.size(); block++) {
      blocks.forget(sequence.blocks.get(block));
    }
    sequence.computed = 0; // so that it leaves no tail
  }

  private boolean isBeforeLastToken(Sequence sequence, int block) {
    return (block + 1) * blockSize < sequence.length();
  }

  private int hold(Sequence sequence, int block) {
    return blocks.hold(hash(sequence, block), sequence.tokens(), block * blockSize);
  }

  private PrefixHash hash(Sequence sequence, int block) {
    return before(sequence, block + 1);
  }

  /** The hash of all that stands before a block, which is computed or to be computed. */
  private PrefixHash before(Sequence sequence, int block) {
    if (sequence.hashes.isEmpty()) {
      sequence.hashes.add(chain.root(model, sequence.work.id().session().tenant()));
    }
    for (int known = sequence.hashes.size() - 1; known < block; known++) {
      PrefixHash before = sequence.hashes.get(known);
      int from = known * blockSize;
      sequence.hashes.add(chain.next(before, sequence.tokens(), from, from + blockSize));
    }
    return sequence.hashes.get(block);
  }
}
