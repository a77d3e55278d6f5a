package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.ServiceKey;
import akka.stream.SourceRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.CborSerializable;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;

/**
 * What a dispatcher understands. There is one on each session node, reached through {@link
 * Dispatchers}; it queues the works of its node's sessions and hands each to a worker that pulls.
 *
 * <p>A submitted work ends in exactly one of: {@code Dispatched} to its session (a worker has it),
 * {@code Failed} to its session (nobody had room before its deadline; the model was unloaded; the
 * worker's stream broke while the work was under way; the dispatcher failed), or {@link
 * CancelQueued}.
 */
public final class Dispatcher {
  /** By this key workers find the dispatchers. */
  public static final ServiceKey<WorkerCommand> SERVICE_KEY =
      ServiceKey.create(WorkerCommand.class, "parley-dispatcher");

  private Dispatcher() {}

  /** Everything a dispatcher takes. */
  public interface Command {}

  /**
   * Queues a work. The same attempt submitted again is answered again and queued once; when a
   * worker has it already, its session is told {@code Dispatched} again.
   */
  public record Submit(Work work, ActorRef<SubmitReply> replyTo) implements Command {}

  /**
   * Takes an attempt back: out of the queue, or, when it is on its way to a worker, by a {@code
   * DropAttempt} to that worker. Unknown attempts are fine. Not answered.
   */
  public record CancelQueued(AttemptId id) implements Command {}

  /** Whether a work was queued. */
  public sealed interface SubmitReply extends CborSerializable {
    AttemptId id();
  }

  /** The work waits, or is with a worker already. Its session hears what becomes of it. */
  public record Queued(AttemptId id) implements SubmitReply {}

  /**
   * The model's queue is full. Nothing was queued; there may be room in {@code retryAfterMillis}.
   */
  public record Full(AttemptId id, long retryAfterMillis) implements SubmitReply {}

  /**
   * No worker serves the model, as far as this node knows, and none did since it started, or the
   * last one has withdrawn. Nothing was queued. Second and later attempts of a model that was not
   * withdrawn are queued all the same: it was served once, and its worker may be loading it again.
   */
  public record NoWorker(AttemptId id) implements SubmitReply {}

  /** What workers say. Every message names the worker, which has one stream with a dispatcher. */
  public sealed interface WorkerCommand extends Command, CborSerializable {
    ActorRef<WorkerMessage> worker();
  }

  /**
   * Asks for a stream of works; an earlier stream of the same worker ends.
   *
   * @param freeSlots how many works the worker could start now
   */
  public record OpenStream(
      ActorRef<WorkerMessage> worker,
      ModelInfo model,
      int freeSlots,
      ActorRef<StreamOpened> replyTo)
      implements WorkerCommand {}

  /**
   * The worker took a work out of its stream, and has {@code freeSlots} left. Until this arrives
   * the dispatcher answers for the work: if the stream breaks, its session is told {@code
   * WORKER_LOST}.
   */
  public record Taken(ActorRef<WorkerMessage> worker, long streamId, AttemptId id, int freeSlots)
      implements WorkerCommand {}

  /** The worker's load changed; also sent again regularly, so that a lost one does no harm. */
  public record FreeSlots(ActorRef<WorkerMessage> worker, long streamId, int freeSlots)
      implements WorkerCommand {}

  /**
   * The worker takes nothing more because its model is being unloaded: unlike one that broke, it
   * does not come back. When no other worker serves the model, what waits for it fails with {@code
   * MODEL_NOT_FOUND}. Should this get lost, such works wait for their deadlines.
   */
  public record Withdrawn(ActorRef<WorkerMessage> worker, ModelId model) implements WorkerCommand {}

  /**
   * The stream that a worker asked for.
   *
   * @param streamId names it in {@link Taken} and {@link FreeSlots}
   * @param works single use; to be subscribed to with a buffer of {@code prefetch} works, which is
   *     what may park on the worker's side without being asked for
   */
  public record StreamOpened(long streamId, SourceRef<Work> works, int prefetch)
      implements CborSerializable {}
}
