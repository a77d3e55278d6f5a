package io.parley.workers.sampling;

import java.util.Arrays;

/**
 * The likeliest tokens of a row, likeliest first, without sorting the row. Not thread-safe.
 *
 * <p>A token is a key of 64 bits, the logit's order above the id's complement: the greater key is
 * the likelier token, and of equal logits the lower id.
 */
final class TopTokens {
  private final long[] keys;
  private int size;

  TopTokens(int vocabularySize) {
    keys = new long[vocabularySize];
  }

  int size() {
    return size;
  }

  /** The i-th likeliest token. */
  int id(int i) {
    return idOf(keys[size - 1 - i]);
  }

  /** The logit of {@link #id}. */
  float logit(int i) {
    return logitOf(keys[size - 1 - i]);
  }

  /** Selects the k likeliest tokens; one pass over the row with a heap of k. */
  void selectTop(float[] logits, int k) {
    size = Math.min(k, logits.length);
    for (int i = 0; i < size; i++) {
      keys[i] = key(logits[i], i);
    }
    for (int i = size / 2 - 1; i >= 0; i--) {
      siftLeast(i);
    }
    float least = logitOf(keys[0]);
    for (int i = size; i < logits.length; i++) {
      if (logits[i] > least) { // an equal one has the higher id: out
        keys[0] = key(logits[i], i);
        siftLeast(0);
        least = logitOf(keys[0]);
      }
    }
    Arrays.sort(keys, 0, size);
  }

  void clear() {
    size = 0;
  }

  /** One more, in any order until {@link #sort}. */
  void add(int id, float logit) {
    keys[size++] = key(logit, id);
  }

  void sort() {
    Arrays.sort(keys, 0, size);
  }

  private void siftLeast(int start) {
    long key = keys[start];
    int at = start;
    for (int child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && keys[child + 1] < keys[child]) {
        child++;
      }
      if (keys[child] >= key) {
        break;
      }
      keys[at] = keys[child];
      at = child;
    }
    keys[at] = key;
  }

  private static long key(float logit, int id) {
    int bits = Float.floatToRawIntBits(logit + 0f); // -0 and 0 are one
    int order = bits ^ ((bits >> 31) & 0x7fffffff);
    return (long) order << 32 | (~id & 0xffffffffL);
  }

  private static int idOf(long key) {
    return ~(int) key;
  }

  private static float logitOf(long key) {
    int order = (int) (key >> 32);
    return Float.intBitsToFloat(order ^ ((order >> 31) & 0x7fffffff));
  }
}
