package io.parley.routing.protocol;

import akka.actor.typed.ActorRef;
import java.util.List;
import java.util.Optional;

/**
 * What a worker (or, on its behalf, a dispatcher) says to a session of a running attempt.
 *
 * <p>At most one {@link TokenGroup} of an attempt is unanswered at a time; tokens made meanwhile
 * travel in the next one, so the journal's latency sets the group's size. What is not answered is
 * sent again.
 */
public sealed interface AttemptReport extends SessionInbox {
  AttemptId id();

  /** The dispatcher handed the work to this worker; the session watches it from now on. */
  record Dispatched(AttemptId id, ActorRef<WorkerMessage> worker) implements AttemptReport {}

  /** The worker took the attempt into its batch and knows its prompt. */
  record Admitted(AttemptId id, PromptInfo prompt, ActorRef<WorkerMessage> worker)
      implements AttemptReport {}

  /**
   * Tokens to be journaled together.
   *
   * @param firstIndex position in the answer of the first token; for an empty group with a finish,
   *     the answer's length
   * @param finish present in the attempt's last group
   */
  record TokenGroup(
      AttemptId id,
      PromptInfo prompt,
      int firstIndex,
      List<Token> tokens,
      Optional<Finish> finish,
      ActorRef<WorkerMessage> worker)
      implements AttemptReport {
    public TokenGroup {
      tokens = List.copyOf(tokens);
      if (firstIndex < 0) {
        throw new IllegalArgumentException("firstIndex is not negative");
      }
    }
  }

  /** The attempt ended without a finish. {@code message} is for people and holds no prompt. */
  record Failed(AttemptId id, FailureCode code, String message) implements AttemptReport {}
}
