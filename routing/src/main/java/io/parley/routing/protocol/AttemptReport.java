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

  /** The worker that is to be answered; a dispatcher is not. */
  default Optional<ActorRef<WorkerMessage>> from() {
    if (this instanceof Dispatched dispatched) {
      return Optional.of(dispatched.worker());
    }
    if (this instanceof Admitted admitted) {
      return Optional.of(admitted.worker());
    }
    return this instanceof TokenGroup group
        ? Optional.of(group.worker())
        : ((Failed) this).worker();
  }

  /**
   * The dispatcher handed the work to this worker; the session watches it from now on. The worker
   * says so again every second or so until it has admitted the attempt, so that a session that was
   * recovered meanwhile adopts it.
   *
   * @param begun whether it is known to have a slot there: should the worker die, it may be by this
   *     work's doing
   */
  record Dispatched(AttemptId id, ActorRef<WorkerMessage> worker, boolean begun)
      implements AttemptReport {
    /** Of one that may wait there for a slot. */
    public Dispatched(AttemptId id, ActorRef<WorkerMessage> worker) {
      this(id, worker, false);
    }
  }

  /**
   * The worker took the attempt into its batch and knows its prompt. It says so again every second
   * or so while it has nothing else to say of the attempt: the session may have been recovered
   * before it journaled the first one, and would time the attempt as if it waited in the queue.
   */
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

  /**
   * The attempt ended without a finish.
   *
   * <p>From a worker it is sent again until the session answers it with {@code GroupAccepted(id,
   * nextIndex, ended = true)} or {@code DropAttempt}, like a group; tokens made before the failure
   * come first, in groups. From a dispatcher (no worker had the attempt) it is sent once, without a
   * worker to answer to.
   *
   * @param message for people; holds no prompt
   * @param worker who reports and waits for an answer
   */
  record Failed(
      AttemptId id, FailureCode code, String message, Optional<ActorRef<WorkerMessage>> worker)
      implements AttemptReport {
    /** As a dispatcher reports it. */
    public Failed(AttemptId id, FailureCode code, String message) {
      this(id, code, message, Optional.empty());
    }
  }
}
