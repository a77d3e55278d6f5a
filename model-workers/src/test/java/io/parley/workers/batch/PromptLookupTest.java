package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PromptLookupTest {
  private final PromptLookup lookup = new PromptLookup();

  private static int[] tokens(String letters) {
    return letters.chars().toArray();
  }

  /** What is guessed behind these tokens. */
  private String guess(String letters, int most, double atLeast) {
    int[] tokens = tokens(letters);
    int count = lookup.draft(tokens, tokens.length, most, atLeast);
    StringBuilder guess = new StringBuilder();
    for (int i = 0; i < count; i++) {
      guess.append((char) lookup.guess(tokens, tokens.length, tokens.length + i));
    }
    return guess.toString();
  }

  /** Draws these tokens one after the other. */
  private int right(String letters, String drawn) {
    int right = 0;
    for (int i = 0; i < drawn.length(); i++) {
      int[] tokens = tokens(letters + drawn.substring(0, i));
      right += lookup.drawn(tokens, tokens.length, drawn.charAt(i)) ? 1 : 0;
    }
    return right;
  }

  @Test
  void guessesWhatFollowedTheLastTokensBefore() {
    assertThat(guess("the quick brown fox; the qui", 9, 0.01)).isEqualTo("ck brown ");
  }

  @Test
  void prefersTheLongestPlaceAndOfEqualOnesTheLast() {
    assertThat(guess("abcdX..bcdY..abcd", 1, 0.01)).isEqualTo("X");
    assertThat(guess("abcdX..abcdY..abcd", 1, 0.01)).isEqualTo("Y");
  }

  @Test
  void goesRoundWhereThePlaceReachesIntoTheGuess() {
    assertThat(guess("xyabcabc", 8, 0.01)).isEqualTo("abcabcab");
    assertThat(guess("zzzz", 3, 0.01)).isEqualTo("zzz");
  }

  @Test
  void guessesNothingWhereNothingWasThereBefore() {
    assertThat(guess("abcdef", 8, 0.01)).isEmpty();
    assertThat(guess("a", 8, 0.01)).isEmpty();
    assertThat(right("abcdef", "g")).isZero();
  }

  @Test
  void feedsAsMuchAsIsLikelyEnough() {
    assertThat(guess("abcd.abcd", 8, 0.5)).hasSize(3); // 0.8, 0.64, 0.51
    assertThat(guess("abcd.abcd", 2, 0.5)).hasSize(2);
    assertThat(guess("ab.ab", 8, 0.5)).isEmpty();
    assertThat(guess("b.b", 8, 0.01)).as("one token in common").isEmpty();
  }

  @Test
  void learnsFromWhatIsDrawn() {
    String letters = "abcdefghijklmnopqrstuvwxyz.abcd";
    for (int i = 0; i < 40; i++) {
      guess(letters, 8, 0.01);
      assertThat(right(letters, "!")).isZero();
    }
    assertThat(guess(letters, 8, 0.01)).as("never right").isEmpty();
    for (int i = 0; i < 10; i++) {
      assertThat(guess(letters, 0, 0.01)).isEmpty();
      assertThat(right(letters, "efgh")).as("seen, though not fed").isEqualTo(4);
    }
    assertThat(guess(letters, 8, 0.01)).isEqualTo("efghijkl");
  }

  @Test
  void knowsWhetherAGuessWasRightUntilItIsWrong() {
    String letters = "abcdefgh.abc";
    guess(letters, 4, 0.01);
    assertThat(right(letters, "deXgh")).isEqualTo(2);
  }
}
