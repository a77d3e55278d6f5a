package io.parley.routing.protocol;

/** What a session says to the worker that runs its attempt. */
public interface WorkerMessage extends CborSerializable {
  /**
   * All tokens before {@code nextIndex} are journaled. The worker may forget them; when {@code
   * ended}, the attempt is over and the worker forgets it altogether.
   */
  record GroupAccepted(AttemptId id, int nextIndex, boolean ended) implements WorkerMessage {}

  /**
   * The session goes on at another node, where nobody knows of the attempt's worker yet: it says
   * again what is unanswered, or that it is there.
   */
  record SendAgain(AttemptId id) implements WorkerMessage {}

  /** The attempt is not, or no longer, the session's: the worker drops it at the next iteration. */
  record DropAttempt(AttemptId id) implements WorkerMessage {}
}
