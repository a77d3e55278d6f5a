package io.parley.workers.sampling;

import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Log-probabilities as they are reported: the log-softmax of the raw logits over the whole
 * vocabulary, before penalties, temperature and limits. Not thread-safe.
 */
public final class LogProbs {
  /** What is reported for a probability of 0: JSON has no infinity. */
  private static final double LEAST = -9999;

  private final float[] row;
  private final FloatBuffer rowBuffer;
  private final ArgMax argMax;
  private final Weights weights;
  private final TopTokens top;
  private final IntFunction<String> pieces;

  /**
   * For one vocabulary.
   *
   * @param pieces a token's bytes, one character (0–255) for each
   */
  public LogProbs(int vocabularySize, IntFunction<String> pieces) {
    row = new float[vocabularySize];
    rowBuffer = FloatBuffer.wrap(row);
    argMax = new ArgMax(vocabularySize);
    weights = new Weights(vocabularySize);
    top = new TopTokens(vocabularySize);
    this.pieces = pieces;
  }

  /**
   * The log-probability of a drawn token and of the likeliest ones.
   *
   * @param alternatives how many of the likeliest tokens, 0 to 20
   * @throws BadLogitsException when the row holds NaN, +infinity or nothing finite
   */
  public TokenLogProb of(FloatBuffer logits, int rowIndex, int tokenId, int alternatives)
      throws BadLogitsException {
    logits.get(rowIndex * row.length, row);
    double max = row[argMax.of(rowBuffer, 0)];
    weights.compute(row, max, 1);
    double logTotal = StrictMath.log(weights.total());
    List<Alternative> likeliest = new ArrayList<>(alternatives);
    if (alternatives > 0) {
      top.selectTop(row, alternatives);
      for (int i = 0; i < top.size(); i++) {
        int id = top.id(i);
        likeliest.add(
            new Alternative(id, pieces.apply(id), clamped(top.logit(i) - max - logTotal)));
      }
    }
    return new TokenLogProb(
        clamped(row[tokenId] - max - logTotal), pieces.apply(tokenId), likeliest);
  }

  private static float clamped(double logProb) {
    return (float) Math.max(logProb, LEAST);
  }
}
