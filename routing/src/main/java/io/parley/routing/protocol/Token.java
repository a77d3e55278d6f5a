package io.parley.routing.protocol;

import java.util.Optional;

/**
 * One token of an answer.
 *
 * @param id its id in the model's vocabulary
 * @param text the text that became final with this token: empty while a multi-byte character or a
 *     possible stop string is incomplete. The texts of all tokens, in order, and the finish's tail
 *     are the answer
 * @param logProb when the request asked for it
 */
public record Token(int id, String text, Optional<TokenLogProb> logProb) {
  public Token(int id, String text) {
    this(id, text, Optional.empty());
  }
}
