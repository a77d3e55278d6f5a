package io.parley.workers.embedding;

import akka.actor.typed.ActorRef;
import io.parley.routing.EmbeddingDispatcher.Broke;
import io.parley.routing.EmbeddingDispatcher.Handed;
import io.parley.routing.EmbeddingDispatcher.Pull;
import io.parley.routing.EmbeddingDispatcher.Withdrawn;
import io.parley.routing.EmbeddingDispatcher.WorkerCommand;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.WorkerMessage;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A worker's pulls, one open with each dispatcher. It asks all of them together for what it has
 * room for; each may give one request more than that, since what a request takes is known when it
 * comes. Used by the worker's thread alone.
 */
final class EmbeddingPulls {
  private static final int UNTOLD = -1;

  private static final class Link {
    /** Not from 0: a dispatcher shall see that this worker has begun anew. */
    long number = ThreadLocalRandom.current().nextLong();

    int told = UNTOLD;
  }

  private final ActorRef<WorkerMessage> worker;
  private final ModelId model;
  private final Map<ActorRef<WorkerCommand>, Link> links = new HashMap<>();

  EmbeddingPulls(ActorRef<WorkerMessage> worker, ModelId model) {
    this.worker = worker;
    this.model = model;
  }

  /** The dispatchers that there are. */
  void known(Set<ActorRef<WorkerCommand>> dispatchers) {
    links.keySet().retainAll(dispatchers);
    dispatchers.forEach(dispatcher -> links.computeIfAbsent(dispatcher, added -> new Link()));
  }

  /** Says how much is wanted of each, to those who do not know. */
  void update(int room) {
    int share = room <= 0 ? 0 : Math.max(1, room / Math.max(1, links.size()));
    links.forEach(
        (dispatcher, link) -> {
          if (link.told != share) {
            link.told = share;
            pull(dispatcher, link);
          }
        });
  }

  /** Says it again, in case that a pull or its answer was lost. */
  void repeat() {
    links.forEach(
        (dispatcher, link) -> {
          if (link.told != UNTOLD) {
            pull(dispatcher, link);
          }
        });
  }

  private void pull(ActorRef<WorkerCommand> dispatcher, Link link) {
    dispatcher.tell(new Pull(worker, model, link.number, link.told));
  }

  /** Whether this is the answer to the pull; false when it has come before. */
  boolean isAnswered(Handed handed) {
    Link link = links.get(handed.dispatcher());
    if (link == null || link.number != handed.number()) {
      return false;
    }
    link.number++;
    link.told = UNTOLD;
    return true;
  }

  /** Computes nothing of what it was handed, whether it has come yet or not. */
  void broke() {
    links.keySet().forEach(dispatcher -> dispatcher.tell(new Broke(worker)));
    links.clear();
  }

  /** Takes nothing more. */
  void withdraw() {
    links.keySet().forEach(dispatcher -> dispatcher.tell(new Withdrawn(worker)));
    links.clear();
  }
}
