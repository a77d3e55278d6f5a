package io.parley.sessions;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** Where a session brings its attempts: the dispatcher of its own node. */
public interface WorkSubmitter {
  /**
   * Whether the queue has no room for the tenant, so that a turn had better not begin.
   *
   * @return after how many milliseconds to come again, or empty when there is room
   */
  Optional<Long> retryAfterMillis(TenantId tenant, ModelId model);

  /** Queues the attempt. Submitting it again is safe. */
  CompletionStage<Submission> submit(Work work);

  /** Takes the attempt out of the queue, if it is there. */
  void cancel(AttemptId id);

  /**
   * The session goes on at another node, and no worker has the attempt: takes it out of the queue,
   * and lets the session know there that it was, if there is another node.
   */
  void takeAlong(AttemptId id);

  /** The attempt, which a worker had, is over, or is no longer this node's to know of. */
  void ended(AttemptId id);

  /** What became of a submitted attempt. */
  sealed interface Submission {
    /** It waits, or a worker has it; the session hears of it. */
    record Queued() implements Submission {}

    /** No room; perhaps after so many milliseconds. */
    record Full(long retryAfterMillis) implements Submission {}

    /** Nobody serves the model. */
    record NoWorker() implements Submission {}
  }
}
