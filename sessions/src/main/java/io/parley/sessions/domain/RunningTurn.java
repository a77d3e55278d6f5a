package io.parley.sessions.domain;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import java.util.List;
import java.util.Optional;

/**
 * A turn that has not ended.
 *
 * @param attempt the attempt whose reports are taken
 * @param fruitless attempts in a row, this one included, without a new token
 * @param strikes attempts in a row, before this one, that a worker admitted, that ended with that
 *     worker or by its engine, and that brought no token
 * @param admittedAttempt the last attempt that a worker admitted; 0 for none
 * @param prompt what that attempt's worker said of the prompt
 * @param answer what is journaled so far
 */
public record RunningTurn(
    TurnSpec spec,
    int attempt,
    int fruitless,
    int strikes,
    int admittedAttempt,
    Optional<PromptInfo> prompt,
    Answer answer) {

  static RunningTurn start(TurnSpec spec) {
    return new RunningTurn(spec, 0, 0, 0, 0, Optional.empty(), Answer.empty());
  }

  /** Whether a worker has taken the current attempt. */
  public boolean admitted() {
    return admittedAttempt == attempt;
  }

  boolean is(int turn, int attemptNumber) {
    return spec.number() == turn && attempt == attemptNumber;
  }

  /** The strikes when the current attempt is given up for this. */
  int strikesAfter(FailureCode cause) {
    boolean withItsWorker = cause == FailureCode.ENGINE_FAILED || cause == FailureCode.WORKER_LOST;
    return withItsWorker && admitted() && fruitless > 0 ? strikes + 1 : 0;
  }

  RunningTurn nextAttempt(int number, Optional<FailureCode> cause) {
    int now = cause.map(this::strikesAfter).orElse(0);
    // what a node gives back that leaves has not been tried: a rolling restart must not fail a turn
    boolean tried = cause.filter(why -> why == FailureCode.WORKER_LEFT).isEmpty() || fruitless == 0;
    return new RunningTurn(
        spec, number, fruitless + (tried ? 1 : 0), now, admittedAttempt, prompt, answer);
  }

  RunningTurn admittedWith(PromptInfo info) {
    return new RunningTurn(spec, attempt, fruitless, strikes, attempt, Optional.of(info), answer);
  }

  RunningTurn appended(List<Token> tokens) {
    return new RunningTurn(spec, attempt, 0, 0, admittedAttempt, prompt, answer.append(tokens));
  }

  EndedTurn ended(TurnEnd end) {
    return new EndedTurn(spec, attempt, prompt, answer, end, false);
  }
}
