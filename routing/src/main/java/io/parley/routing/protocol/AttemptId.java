package io.parley.routing.protocol;

/**
 * One try to generate one turn; the identity of a {@link Work}.
 *
 * @param turn the turn's number in its session, from 1
 * @param attempt the try's number in its turn, from 1
 */
public record AttemptId(SessionId session, int turn, int attempt) {
  public AttemptId {
    if (turn < 1 || attempt < 1) {
      throw new IllegalArgumentException("turns and attempts count from 1");
    }
  }

  @Override
  public String toString() {
    return session + "#" + turn + "." + attempt;
  }
}
