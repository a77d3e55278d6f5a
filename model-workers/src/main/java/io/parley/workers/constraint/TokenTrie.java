package io.parley.workers.constraint;

import io.parley.workers.text.Tokenizer;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The tokens of a vocabulary by their bytes, as a tree in the order of its nodes' texts: a node's
 * descendants follow it. Tokens without bytes are not in it. Immutable.
 */
final class TokenTrie {
  /** Descendants for which it pays to ask whether all of them fit. */
  private static final int WORTH_A_LOOK = 8;

  private final byte[][] bytes;
  private final Set<Integer> endOfGeneration;
  private final int tokenBytesMax;

  // of each node: the byte that leads to it, its depth, the node behind its descendants, and where
  // its tokens are; those of its descendants follow
  private byte[] labels = new byte[1024];
  private int[] depths = new int[1024];
  private int[] ends = new int[1024];
  private int[] tokenStarts = new int[1024];
  private int nodes;

  // of each node four words: the bytes that lead to descendants
  private long[] inside = new long[4096];
  private final int[] tokens;

  private final int vocabularySize;

  /**
   * The tree of a vocabulary.
   *
   * @param vocabularySize of the engine's rows; tokens beyond it are not in the tree
   */
  TokenTrie(Tokenizer tokenizer, int vocabularySize) {
    this.vocabularySize = vocabularySize;
    bytes = new byte[Math.min(tokenizer.vocabularySize(), vocabularySize)][];
    for (int id = 0; id < bytes.length; id++) {
      bytes[id] = tokenizer.bytes(id);
    }
    endOfGeneration =
        tokenizer.endOfGeneration().stream()
            .filter(id -> id < bytes.length)
            .collect(Collectors.toUnmodifiableSet());
    tokens = sorted();
    int longest = 0;
    for (int id : tokens) {
      longest = Math.max(longest, bytes[id].length);
    }
    tokenBytesMax = longest;
    build();
  }

  private int[] sorted() {
    Integer[] ids = new Integer[bytes.length];
    int count = 0;
    for (int id = 0; id < bytes.length; id++) {
      if (bytes[id].length > 0 && !endOfGeneration.contains(id)) {
        ids[count++] = id;
      }
    }
    Arrays.sort(ids, 0, count, (a, b) -> Arrays.compareUnsigned(bytes[a], bytes[b]));
    int[] sorted = new int[count];
    for (int i = 0; i < count; i++) {
      sorted[i] = ids[i];
    }
    return sorted;
  }

  private void build() {
    int[] open = new int[tokenBytesMax + 1]; // the nodes of the text so far
    int depth = 0;
    for (int i = 0; i < tokens.length; i++) {
      byte[] text = bytes[tokens[i]];
      byte[] before = i == 0 ? new byte[0] : bytes[tokens[i - 1]];
      int common = Math.max(0, Arrays.mismatch(text, before));
      if (i > 0 && Arrays.equals(text, before)) {
        common = text.length;
      }
      for (; depth > common; depth--) {
        close(open, depth);
      }
      for (; depth < text.length; depth++) {
        open[depth + 1] = add(text[depth], depth + 1, i);
      }
    }
    for (; depth > 0; depth--) {
      close(open, depth);
    }
    tokenStarts = Arrays.copyOf(tokenStarts, nodes + 1);
    tokenStarts[nodes] = tokens.length;
  }

  private int add(byte label, int depth, int firstToken) {
    if (nodes == labels.length) {
      labels = Arrays.copyOf(labels, 2 * nodes);
      depths = Arrays.copyOf(depths, 2 * nodes);
      ends = Arrays.copyOf(ends, 2 * nodes);
      tokenStarts = Arrays.copyOf(tokenStarts, 2 * nodes);
      inside = Arrays.copyOf(inside, 8 * nodes);
    }
    labels[nodes] = label;
    depths[nodes] = depth;
    tokenStarts[nodes] = firstToken;
    return nodes++;
  }

  private void close(int[] open, int depth) {
    int node = open[depth];
    ends[node] = nodes;
    if (depth > 1) {
      int parent = open[depth - 1];
      for (int word = 0; word < 4; word++) {
        inside[4 * parent + word] |= inside[4 * node + word];
      }
      int label = labels[node] & 0xff;
      inside[4 * parent + (label >> 6)] |= 1L << label;
    }
  }

  int tokenBytesMax() {
    return tokenBytesMax;
  }

  /** The bytes of a token; not to be changed. */
  byte[] bytes(int id) {
    return id < bytes.length ? bytes[id] : new byte[0];
  }

  /**
   * The tokens that fit a state, as bits by id, with those that end the answer where it may end.
   */
  long[] mask(Grammar.State state) {
    long[] mask = new long[(vocabularySize + 63) / 64];
    Grammar.State[] path = new Grammar.State[tokenBytesMax + 1];
    path[0] = state;
    int node = 0;
    while (node < nodes) {
      int depth = depths[node];
      Grammar.State to = path[depth - 1].next(labels[node] & 0xff);
      if (to == null) {
        node = ends[node];
        continue;
      }
      int end = ends[node];
      if (end - node > WORTH_A_LOOK && to.staysUnder(inside, 4 * node)) {
        set(mask, tokenStarts[node], tokenStarts[end]);
        node = end;
        continue;
      }
      path[depth] = to;
      int last = node + 1 < nodes ? tokenStarts[node + 1] : tokens.length;
      set(mask, tokenStarts[node], last);
      node++;
    }
    if (state.mayEnd()) {
      endOfGeneration.forEach(id -> mask[id >> 6] |= 1L << id);
    }
    return mask;
  }

  private void set(long[] mask, int from, int to) {
    for (int i = from; i < to; i++) {
      int id = tokens[i];
      mask[id >> 6] |= 1L << id;
    }
  }
}
