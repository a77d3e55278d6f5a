package io.parley.workers.batch;

/**
 * Guesses how one sequence goes on, and remembers how well that went. Where its last tokens stood
 * before, in the prompt or in the answer, what followed there is what follows here: the longest
 * such place counts, of equal ones the last. So the guess is a distance: each token is the one so
 * far before it.
 *
 * <p>The longer the place has gone along with the sequence, the likelier it goes on to. How likely
 * is learnt for each length from the tokens that are drawn, guessed at or not.
 */
final class PromptLookup {
  /** Tokens of a place that are compared: more of them tell nothing more. */
  private static final int MATCH_MAX = 8;

  /** What is searched, from the end: ten microseconds at the most. */
  private static final int SEARCHED_MAX = 16_384;

  /** Below it a guess is not worth to begin with: a step of two rows takes longer than of one. */
  private static final double FIRST_AT_LEAST = 0.25;

  private static final double LEARNING_RATE = 1.0 / 16;

  /** How likely a guess is right behind 1, 2, 3, and more tokens in common; measured at first. */
  private final double[] likely = {0.15, 0.35, 0.55, 0.8};

  private int distance; // 0: no place
  private int inCommon;

  /**
   * Looks for a place and says how many tokens from there are worth to be fed.
   *
   * @param length of the tokens, at least 1
   * @param most tokens
   * @param atLeast how likely the last of them must be
   */
  int draft(int[] tokens, int length, int most, double atLeast) {
    find(tokens, length);
    if (distance == 0 || likely[place(inCommon)] < FIRST_AT_LEAST) {
      return 0;
    }
    int count = 0;
    double all = likely[place(inCommon)];
    while (count < most && all >= atLeast) {
      count++;
      all *= likely[place(inCommon + count)];
    }
    return count;
  }

  private void find(int[] tokens, int length) {
    distance = 0;
    inCommon = 0;
    int last = length - 1;
    int end = Math.max(0, last - SEARCHED_MAX);
    for (int at = last - 1; at >= end && inCommon < MATCH_MAX; at--) {
      if (tokens[at] == tokens[last]) {
        int same = 1;
        while (same < MATCH_MAX && same <= at && tokens[at - same] == tokens[last - same]) {
          same++;
        }
        if (same > inCommon) {
          inCommon = same;
          distance = last - at;
        }
      }
    }
  }

  /** The token that was guessed for a position behind the last. */
  int guess(int[] tokens, int length, int position) {
    int before = position - distance;
    while (before >= length) { // the place reaches into the guess itself
      before -= distance;
    }
    return tokens[before];
  }

  /**
   * The next token has been drawn, and is not among the tokens yet.
   *
   * @return whether it is the one that was guessed
   */
  boolean drawn(int[] tokens, int length, int token) {
    if (distance == 0) {
      return false;
    }
    boolean right = tokens[length - distance] == token;
    int place = place(inCommon);
    likely[place] += LEARNING_RATE * ((right ? 1 : 0) - likely[place]);
    inCommon++;
    if (!right) {
      distance = 0;
    }
    return right;
  }

  private int place(int tokensInCommon) {
    return Math.min(tokensInCommon, likely.length) - 1;
  }
}
