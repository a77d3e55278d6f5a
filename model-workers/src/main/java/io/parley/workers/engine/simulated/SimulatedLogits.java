package io.parley.workers.engine.simulated;

import java.util.Arrays;

/**
 * What the simulated model thinks comes next: frequent words more often, sentences with commas and
 * full stops, an end after so many tokens on average. Where an answer has begun to be JSON, which
 * it does only when it must, it ends strings, numbers and objects soon.
 *
 * <p>A state is a hash of the tokens so far; its lowest bit says whether the answer is JSON.
 */
final class SimulatedLogits {
  /** The state before the first token. */
  static final long BEGINNING = 0x70617265L << 1;

  private static final float NEVER = -30;
  private static final float SURE = 30;
  private static final float LIKELIEST = 2.5f;
  private static final float BYTE = -14;

  private final double endShare;
  private final float[] prose = new float[SimulatedText.VOCABULARY_SIZE];
  private final float[] json = new float[SimulatedText.VOCABULARY_SIZE];

  /** Words and punctuation of prose, and their cumulative weights. */
  private final double[] sums = new double[SimulatedText.VOCABULARY_SIZE];

  SimulatedLogits(int answerTokens) {
    endShare = answerTokens == 0 ? 0 : 1.0 / answerTokens;
    Arrays.fill(prose, BYTE);
    Arrays.fill(json, BYTE);
    double words = 0;
    for (int id = SimulatedText.FIRST_WORD; id < SimulatedText.VOCABULARY_SIZE; id++) {
      prose[id] = (float) (-0.6 * StrictMath.log(1 + id - SimulatedText.FIRST_WORD));
      json[id] = prose[id] + 0.5f;
      words += StrictMath.exp(prose[id]);
    }
    prose['.'] = (float) StrictMath.log(0.08 * words);
    prose[','] = (float) StrictMath.log(0.05 * words);
    for (char digit = '0'; digit <= '9'; digit++) {
      json[digit] = -0.5f;
    }
    for (char mark : "}],:".toCharArray()) {
      json[mark] = 1;
    }
    json['"'] = 2;
    for (char opening : "{[\"".toCharArray()) {
      prose[opening] = BYTE + 2;
    }
    for (float[] base : new float[][] {prose, json}) {
      Arrays.fill(base, SimulatedText.END, SimulatedText.FIRST_PAIR, NEVER);
      for (char space : " \t\r\n".toCharArray()) {
        base[space] = BYTE - 4; // where anything else will do, JSON has none
      }
    }
    double sum = 0;
    for (int id = 0; id < sums.length; id++) {
      sum += prose[id] > BYTE + 2 ? StrictMath.exp(prose[id]) : 0;
      sums[id] = sum;
    }
  }

  /** The state behind one more token. */
  static long next(long state, int token) {
    boolean answers = token != SimulatedText.ASSISTANT;
    boolean isJson = answers && ((state & 1) != 0 || opensJson(token));
    return (Hash.mix(state ^ Hash.mix(token)) << 1) | (isJson ? 1 : 0);
  }

  private static boolean opensJson(int token) {
    return token == '{' || token == '[' || token == '"';
  }

  /**
   * The logits at a position.
   *
   * @param before the state before the last token
   * @param state with it
   */
  void write(long before, long state, int token, float[] out, int from) {
    if ((state & 1) != 0) {
      System.arraycopy(json, 0, out, from, json.length);
      out[from + SimulatedText.END] = SURE; // whoever holds it to a form says when
      if (Hash.uniform(Hash.mix(state)) < 0.75) {
        out[from + word(state)] += LIKELIEST;
      }
      return;
    }
    System.arraycopy(prose, 0, out, from, prose.length);
    boolean begins = token == SimulatedText.ASSISTANT || token == '.' || token == ',';
    if (begins) {
      out[from + '.'] = BYTE;
      out[from + ','] = BYTE;
    }
    if (token == '.' && (ends(before) || ends(state))) {
      out[from + SimulatedText.END] = SURE;
    } else if (!begins && ends(state)) {
      out[from + '.'] = SURE;
    } else {
      out[from + likeliest(state)] += LIKELIEST;
    }
  }

  /** Whether the sentence ends the answer. */
  private boolean ends(long state) {
    return Hash.uniform(Hash.mix(state ^ 0x656e64)) < endShare;
  }

  private static int word(long state) {
    double at = Hash.uniform(Hash.mix(state + 1));
    int words = SimulatedText.VOCABULARY_SIZE - SimulatedText.FIRST_WORD;
    return SimulatedText.FIRST_WORD + (int) (at * words);
  }

  private int likeliest(long state) {
    double target = Hash.uniform(Hash.mix(state)) * sums[sums.length - 1];
    int found = Arrays.binarySearch(sums, target);
    int id = found >= 0 ? found : -found - 1;
    while (sums[id] <= target) {
      id++; // met exactly: the next one that has a weight
    }
    return id;
  }
}
