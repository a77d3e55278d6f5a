package io.parley.workers.sampling;

import io.parley.routing.protocol.SamplingParams;
import java.util.Arrays;

/**
 * Which tokens a sequence has seen, for the penalties: those of the prompt and answer once, those
 * of the answer with how often. Grows with the distinct tokens; make one only where {@link
 * #needed}.
 */
public final class TokenCounts {
  private int[] ids = new int[64];
  private int[] inAnswer = new int[64];
  private int size;
  // open addressing over the two arrays: slot + 1, 0 is free; at most half full
  private int[] index = new int[256];

  /** Whether the parameters have a penalty, so that {@link Sampler} reads the counts. */
  public static boolean needed(SamplingParams params) {
    return params.repetitionPenalty() != 1
        || params.presencePenalty() != 0
        || params.frequencyPenalty() != 0;
  }

  /** A token of the prompt. */
  public void addPrompt(int id) {
    slot(id);
  }

  /** A token of the answer. */
  public void addAnswer(int id) {
    int slot = slot(id); // first: it may replace the array
    inAnswer[slot]++;
  }

  /** Repetition first, then presence and frequency. */
  void penalise(float[] logits, SamplingParams params) {
    double repetition = params.repetitionPenalty();
    for (int i = 0; i < size; i++) {
      int id = ids[i];
      double logit = logits[id];
      if (repetition != 1) {
        logit = logit > 0 ? logit / repetition : logit * repetition;
      }
      if (inAnswer[i] > 0) {
        logit -= params.presencePenalty() + params.frequencyPenalty() * inAnswer[i];
      }
      logits[id] = (float) logit;
    }
  }

  private int slot(int id) {
    int mask = index.length - 1;
    int at = hash(id) & mask;
    while (index[at] != 0) {
      if (ids[index[at] - 1] == id) {
        return index[at] - 1;
      }
      at = (at + 1) & mask;
    }
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
      inAnswer = Arrays.copyOf(inAnswer, 2 * size);
    }
    ids[size] = id;
    index[at] = ++size;
    if (2 * size > index.length) {
      rehash();
    }
    return size - 1;
  }

  private void rehash() {
    index = new int[2 * index.length];
    int mask = index.length - 1;
    for (int i = 0; i < size; i++) {
      int at = hash(ids[i]) & mask;
      while (index[at] != 0) {
        at = (at + 1) & mask;
      }
      index[at] = i + 1;
    }
  }

  private static int hash(int id) {
    int hash = id * 0x9e3779b9;
    return hash ^ (hash >>> 15);
  }
}
