package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.ServiceKey;
import akka.stream.SourceRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.CborSerializable;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerLoad;
import io.parley.routing.protocol.WorkerMessage;
import java.util.List;
import java.util.Map;
import java.util.Objects;

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

  /**
   * An attempt that a worker took has ended, by its session's word. Not answered; a lost one is
   * made up for when the worker goes, or forgotten in time.
   */
  public record Ended(AttemptId id) implements Command {}

  /** Asks for what the dispatcher holds now. */
  public record Inspect(ActorRef<Inspection> replyTo) implements Command {}

  /**
   * What a dispatcher holds.
   *
   * @param waiting works that wait, by model
   * @param underWay works handed out whose workers have not confirmed them
   */
  public record Inspection(Map<ModelId, Integer> waiting, List<WorkerView> workers, int underWay) {
    public Inspection {
      waiting = Map.copyOf(waiting);
      workers = List.copyOf(workers);
    }
  }

  /**
   * A worker as a dispatcher sees it.
   *
   * @param freeSlots by its latest report, less what is on its way to it
   * @param underWay works on their way to it, from this dispatcher
   * @param running works that it took from this dispatcher and whose end was not heard of
   */
  public record WorkerView(
      ActorRef<WorkerMessage> worker, ModelId model, int freeSlots, int underWay, int running) {}

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
   * @param load absent from a worker that does not know of it
   */
  public record OpenStream(
      ActorRef<WorkerMessage> worker,
      ModelInfo model,
      int freeSlots,
      ActorRef<StreamOpened> replyTo,
      WorkerLoad load)
      implements WorkerCommand {
    public OpenStream {
      load = Objects.requireNonNullElse(load, WorkerLoad.UNKNOWN);
    }
  }

  /**
   * The worker took a work out of its stream, and has {@code freeSlots} left. Until this arrives
   * the dispatcher answers for the work: if the stream breaks, its session is told {@code
   * WORKER_LOST}.
   *
   * @param begun whether it has a slot; else it is parked until one is free
   */
  public record Taken(
      ActorRef<WorkerMessage> worker, long streamId, AttemptId id, int freeSlots, boolean begun)
      implements WorkerCommand {}

  /** The worker's load changed; also sent again regularly, so that a lost one does no harm. */
  public record FreeSlots(
      ActorRef<WorkerMessage> worker, long streamId, int freeSlots, WorkerLoad load)
      implements WorkerCommand {
    public FreeSlots {
      load = Objects.requireNonNullElse(load, WorkerLoad.UNKNOWN);
    }
  }

  /**
   * The worker took a work out of its stream and has no room for it: others filled its last slots.
   * The dispatcher puts it back to where it was in the queue.
   */
  public record GivenBack(ActorRef<WorkerMessage> worker, long streamId, AttemptId id)
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
