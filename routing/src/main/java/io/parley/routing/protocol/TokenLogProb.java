package io.parley.routing.protocol;

import java.util.List;

/**
 * A token's natural-log probability, normalised over the whole vocabulary before any limit.
 *
 * @param piece the token's bytes, one character (0–255) for each byte, since a token may hold part
 *     of a character
 * @param alternatives the likeliest tokens at this position, likeliest first
 */
public record TokenLogProb(float logProb, String piece, List<Alternative> alternatives) {
  public TokenLogProb {
    alternatives = List.copyOf(alternatives);
  }

  /** One of the likeliest tokens at a position; {@code piece} as in {@link TokenLogProb}. */
  public record Alternative(int id, String piece, float logProb) {}
}
