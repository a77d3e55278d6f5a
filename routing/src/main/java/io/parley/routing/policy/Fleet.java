package io.parley.routing.policy;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.WorkerMessage;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The workers of one model.
 *
 * @param waiting those that ask for a work and have a free slot for it
 * @param byWorker all that have a stream and are in order, waiting or not
 */
public record Fleet(
    List<? extends Candidate> waiting, Map<ActorRef<WorkerMessage>, ? extends Candidate> byWorker) {

  public Collection<? extends Candidate> all() {
    return byWorker.values();
  }

  /** A worker of it, waiting or not. */
  public Optional<Candidate> find(ActorRef<WorkerMessage> worker) {
    return Optional.ofNullable(byWorker.get(worker));
  }

  /** The least busy of those that wait. */
  public Candidate leastLoaded() {
    return waiting.stream().min(Candidate.LEAST_LOADED).orElseThrow();
  }
}
