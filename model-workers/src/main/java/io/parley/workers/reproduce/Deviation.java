package io.parley.workers.reproduce;

import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import java.util.Locale;

/**
 * Something recorded that the model does not give.
 *
 * @param index of the token in the turn's answer, from 0; of an end, how many tokens it has; of a
 *     prompt 0
 * @param message both of them, without any text of the conversation
 */
public record Deviation(Kind kind, int index, String message) {
  /** What is other than recorded. */
  public enum Kind {
    /** The conversation, its template or the tokenizer. */
    PROMPT,
    /** The token. */
    TOKEN,
    /** The probability that is recorded of the token, or of one of the likeliest ones. */
    LOG_PROBABILITY,
    /** The text that is recorded with the token, or behind the last one. */
    TEXT,
    /** Where the answer ends, or why. */
    FINISH,
    /** The token leaves the form that the answer must have. */
    FORM,
    /** The model gives no number here that could be drawn from. */
    LOGITS
  }

  /** In small letters, as reports have it. */
  public String label() {
    return kind.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  static Deviation ofToken(
      int index, Token recorded, String drawn, double logProb, double ofDrawn) {
    return new Deviation(
        Kind.TOKEN,
        index,
        String.format(
            Locale.ROOT,
            "recorded is token %d, whose log-probability is %.4f; drawn is %s, of %.4f",
            recorded.id(),
            logProb,
            drawn,
            ofDrawn));
  }

  static Deviation ofLogProb(int index, Token recorded, TokenLogProb given) {
    String message =
        recorded
            .logProb()
            .map(
                said ->
                    said.logProb() != given.logProb()
                        ? "recorded is " + said.logProb() + ", computed is " + given.logProb()
                        : "that of the token is right, the likeliest ones are others")
            .orElse("there is none in the record, though it was asked for");
    return new Deviation(Kind.LOG_PROBABILITY, index, message);
  }
}
