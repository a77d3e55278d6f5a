package io.parley.sessions.journal;

import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Tokens as parallel arrays: a group names its fields once, not once for each token.
 *
 * @param logProbs absent when no token has log-probabilities
 */
@SuppressWarnings("ArrayRecordComponent") // written and read once, never compared
record TokenColumns(int[] ids, String[] texts, LogProbColumns logProbs) {

  /**
   * Log-probabilities of the same tokens.
   *
   * @param pieces null for a token without
   * @param alternatives how many alternatives each token has; the next three arrays hold them one
   *     after another
   */
  record LogProbColumns(
      float[] logProbs,
      String[] pieces,
      int[] alternatives,
      int[] alternativeIds,
      String[] alternativePieces,
      float[] alternativeLogProbs) {}

  static TokenColumns of(List<Token> tokens) {
    int[] ids = new int[tokens.size()];
    String[] texts = new String[tokens.size()];
    boolean any = false;
    for (int i = 0; i < ids.length; i++) {
      ids[i] = tokens.get(i).id();
      texts[i] = tokens.get(i).text();
      any |= tokens.get(i).logProb().isPresent();
    }
    return new TokenColumns(ids, texts, any ? logProbs(tokens) : null);
  }

  private static LogProbColumns logProbs(List<Token> tokens) {
    float[] logProbs = new float[tokens.size()];
    String[] pieces = new String[tokens.size()];
    int[] counts = new int[tokens.size()];
    List<Alternative> alternatives = new ArrayList<>();
    for (int i = 0; i < tokens.size(); i++) {
      Optional<TokenLogProb> given = tokens.get(i).logProb();
      if (given.isPresent()) {
        logProbs[i] = given.get().logProb();
        pieces[i] = given.get().piece();
        counts[i] = given.get().alternatives().size();
        alternatives.addAll(given.get().alternatives());
      }
    }
    int[] ids = new int[alternatives.size()];
    String[] alternativePieces = new String[ids.length];
    float[] alternativeLogProbs = new float[ids.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = alternatives.get(i).id();
      alternativePieces[i] = alternatives.get(i).piece();
      alternativeLogProbs[i] = alternatives.get(i).logProb();
    }
    return new LogProbColumns(
        logProbs, pieces, counts, ids, alternativePieces, alternativeLogProbs);
  }

  List<Token> tokens() {
    List<Token> tokens = new ArrayList<>(ids.length);
    int next = 0;
    for (int i = 0; i < ids.length; i++) {
      if (logProbs == null || logProbs.pieces()[i] == null) {
        tokens.add(new Token(ids[i], texts[i]));
        continue;
      }
      List<Alternative> alternatives = new ArrayList<>(logProbs.alternatives()[i]);
      for (int j = 0; j < logProbs.alternatives()[i]; j++, next++) {
        alternatives.add(
            new Alternative(
                logProbs.alternativeIds()[next],
                logProbs.alternativePieces()[next],
                logProbs.alternativeLogProbs()[next]));
      }
      TokenLogProb logProb =
          new TokenLogProb(logProbs.logProbs()[i], logProbs.pieces()[i], alternatives);
      tokens.add(new Token(ids[i], texts[i], Optional.of(logProb)));
    }
    return tokens;
  }
}
