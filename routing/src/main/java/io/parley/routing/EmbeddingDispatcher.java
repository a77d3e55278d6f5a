package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.receptionist.ServiceKey;
import io.parley.routing.protocol.CborSerializable;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import java.time.InstantSource;
import java.util.List;

/**
 * What a dispatcher of embeddings understands. There is one on each node with an HTTP edge: it
 * queues the requests of its edge, and hands them to encoders' workers that pull.
 *
 * <p>A pull is a message, not a stream: a request is small, short, and may be computed twice. It
 * has a number, and the dispatcher answers each number once, with some requests, when it has them.
 * The worker repeats a pull until it is answered, and takes the answer to a number once; so neither
 * a lost pull nor a lost answer loses or repeats a request.
 */
public final class EmbeddingDispatcher {
  /** By this key encoders' workers find the dispatchers. */
  public static final ServiceKey<WorkerCommand> SERVICE_KEY =
      ServiceKey.create(WorkerCommand.class, "parley-embedding-dispatcher");

  private EmbeddingDispatcher() {}

  /** Everything a dispatcher takes. */
  public interface Command {}

  /**
   * Queues a request. It is answered once, unless it is cancelled: by the worker that computed it,
   * or with why nobody did. A worker that fails, dies or leaves with it does so once: another one
   * then gets it.
   */
  public record Submit(ModelInfo model, EmbeddingRequest request, ActorRef<EmbeddingReply> replyTo)
      implements Command {}

  /** Takes a request back, wherever it is. Unknown ones are fine. Not answered. */
  public record Cancel(String id) implements Command {}

  /** What workers say. */
  public sealed interface WorkerCommand extends Command, CborSerializable {
    ActorRef<WorkerMessage> worker();
  }

  /**
   * What the worker could take now.
   *
   * @param number one more than that of the last pull whose answer it has; its first one is any
   *     number. Sent again with the same number, it says how the worker is now
   * @param tokens about how much it wants; 0: nothing now
   */
  public record Pull(ActorRef<WorkerMessage> worker, ModelId model, long number, int tokens)
      implements WorkerCommand {}

  /** The worker takes nothing more, because its model is being unloaded or its node leaves. */
  public record Withdrawn(ActorRef<WorkerMessage> worker) implements WorkerCommand {}

  /**
   * The worker's encoder failed or is stalled: it computes nothing of what it was handed, and takes
   * nothing until it pulls again.
   */
  public record Broke(ActorRef<WorkerMessage> worker) implements WorkerCommand {}

  /**
   * The answer to a pull.
   *
   * @param dispatcher whose pull it was
   * @param requests none only where those that it had were cancelled on the way
   * @param replyTo hears what becomes of each
   */
  public record Handed(
      ActorRef<WorkerCommand> dispatcher,
      long number,
      List<EmbeddingRequest> requests,
      ActorRef<EmbeddingReply> replyTo)
      implements WorkerMessage {
    public Handed {
      requests = List.copyOf(requests);
    }
  }

  /**
   * Starts this node's dispatcher.
   *
   * @throws IllegalArgumentException when a setting is wrong
   */
  public static ActorRef<Command> start(ActorSystem<?> system) {
    WorkerDirectory directory = WorkerDirectory.get(system);
    return system.systemActorOf(
        EmbeddingDispatcherBehavior.create(
            EmbeddingQueueSettings.from(system.settings().config()),
            directory::expects,
            InstantSource.system()),
        "parley-embedding-dispatcher",
        Props.empty());
  }
}
