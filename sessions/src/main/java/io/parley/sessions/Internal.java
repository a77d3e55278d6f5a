package io.parley.sessions;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.SessionInbox;
import io.parley.sessions.SessionCommand.Failure;

/** What a session's entity says to itself. Never leaves the node. */
sealed interface Internal extends SessionInbox {
  /** The dispatcher answered. */
  record Submitted(AttemptId id, WorkSubmitter.Submission submission) implements Internal {}

  /** The dispatcher had no room; perhaps it has now. */
  record SubmitAgain(AttemptId id) implements Internal {}

  /** The worker's actor is gone. */
  record WorkerGone(AttemptId id) implements Internal {}

  /** The attempt is lost, and its backoff is over; its worker died with it, perhaps by it. */
  record Retry(AttemptId id, Failure cause, boolean begun) implements Internal {}

  /** A phase took too long. */
  record Overdue(AttemptId id, FailureCode code) implements Internal {}

  /** Some read waited long enough. */
  record ReadsDue() implements Internal {}

  /** Nothing came for a while, or the node's memory is short: an idle session leaves. */
  record Quiet() implements Internal {}

  /** The list of running turns has taken the turn, or has not. */
  record Marked(int turn, boolean ok) implements Internal {}

  /** The list of running turns did not take the turn; perhaps it does now. */
  record Mark(int turn) implements Internal {}

  /** The journal cannot be read, now or later. */
  record Unreadable() implements Internal {}

  /** Does nothing but to let the messages that wait go on. */
  record Nudge() implements Internal {}

  /** The shard wants the entity to stop. */
  record Stop() implements Internal {}
}
