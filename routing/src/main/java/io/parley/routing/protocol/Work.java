package io.parley.routing.protocol;

import java.util.List;

/**
 * One attempt, as dispatched to a worker.
 *
 * @param messages the conversation up to and including the turn's input
 * @param prefix ids of the answer's tokens that are journaled already; generation goes on after
 *     them, at position {@code prefix.size()} of the answer
 * @param startedAtEpochMillis when the turn started: what its prompt takes for now, so that each
 *     attempt has the same prompt
 * @param queueDeadlineEpochMillis past it the work is not worth starting
 * @param suspect whether the attempt before this one ended with its worker, or by its engine,
 *     without a token: a worker runs one such work at a time
 */
public record Work(
    AttemptId id,
    ModelId model,
    List<Message> messages,
    List<Integer> prefix,
    SamplingParams sampling,
    ContextPolicy contextPolicy,
    Priority priority,
    long startedAtEpochMillis,
    long queueDeadlineEpochMillis,
    boolean suspect)
    implements CborSerializable {
  /** A work that is not suspect. */
  public Work(
      AttemptId id,
      ModelId model,
      List<Message> messages,
      List<Integer> prefix,
      SamplingParams sampling,
      ContextPolicy contextPolicy,
      Priority priority,
      long startedAtEpochMillis,
      long queueDeadlineEpochMillis) {
    this(
        id,
        model,
        messages,
        prefix,
        sampling,
        contextPolicy,
        priority,
        startedAtEpochMillis,
        queueDeadlineEpochMillis,
        false);
  }

  public Work {
    messages = List.copyOf(messages);
    prefix = List.copyOf(prefix);
  }
}
