package io.parley.workers.constraint;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One form over one vocabulary: its grammar, and masks of the states that were met lately. Not
 * thread-safe: made in any thread, used in the batcher's.
 */
final class FormGrammar {
  /** Masks that are remembered; each takes a bit for each token of the vocabulary. */
  static final int MASKS_MAX = 64;

  private final Grammar grammar;
  private final TokenTrie trie;
  private final Map<Grammar.State, long[]> masks =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Grammar.State, long[]> eldest) {
          return size() > MASKS_MAX;
        }
      };

  FormGrammar(Grammar grammar, TokenTrie trie) {
    this.grammar = grammar;
    this.trie = trie;
  }

  Grammar.State start() {
    return grammar.start();
  }

  /** The state behind a token, or null where it does not fit. */
  Grammar.State after(Grammar.State state, int token) {
    byte[] bytes = trie.bytes(token);
    Grammar.State to = bytes.length == 0 ? null : state;
    for (int i = 0; i < bytes.length && to != null; i++) {
      to = to.next(bytes[i] & 0xff);
    }
    return to;
  }

  /** Whether the mask is there already. */
  boolean knows(Grammar.State state) {
    return masks.containsKey(state.forMask());
  }

  /** Not to be changed. */
  long[] mask(Grammar.State state) {
    Grammar.State alike = state.forMask();
    long[] mask = masks.get(alike);
    if (mask == null) {
      mask = trie.mask(alike);
      masks.put(alike, mask);
    }
    return mask;
  }
}
