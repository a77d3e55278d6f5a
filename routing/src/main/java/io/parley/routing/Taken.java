package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.WorkerMessage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The attempts that workers took, the latest of them: which worker has which, and which of them run
 * as far as is known. Used by the dispatcher's thread alone.
 */
final class Taken {
  private final Map<AttemptId, ActorRef<WorkerMessage>> workers;
  private final Map<ActorRef<WorkerMessage>, Set<AttemptId>> running = new HashMap<>();

  Taken(int attemptsMax) {
    workers =
        new LinkedHashMap<>() {
          private static final long serialVersionUID = 1L;

          @Override
          protected boolean removeEldestEntry(
              Map.Entry<AttemptId, ActorRef<WorkerMessage>> eldest) {
            boolean remove = size() > attemptsMax;
            if (remove) {
              stopped(eldest.getKey(), eldest.getValue());
            }
            return remove;
          }
        };
  }

  void put(AttemptId id, ActorRef<WorkerMessage> worker) {
    running.computeIfAbsent(worker, w -> new LinkedHashSet<>()).add(id);
    workers.put(id, worker);
  }

  /** The worker that took an attempt, though it may have ended since. */
  Optional<ActorRef<WorkerMessage>> by(AttemptId id) {
    return Optional.ofNullable(workers.get(id));
  }

  /** How many run at a worker. */
  int running(ActorRef<WorkerMessage> worker) {
    return running.getOrDefault(worker, Set.of()).size();
  }

  /** It does not run any more; who took it stays known. */
  void ended(AttemptId id) {
    by(id).ifPresent(worker -> stopped(id, worker));
  }

  private void stopped(AttemptId id, ActorRef<WorkerMessage> worker) {
    Set<AttemptId> ids = running.get(worker);
    if (ids != null && ids.remove(id) && ids.isEmpty()) {
      running.remove(worker);
    }
  }

  /** The worker is gone: what ran there. */
  List<AttemptId> gone(ActorRef<WorkerMessage> worker) {
    Set<AttemptId> ids = running.remove(worker);
    return ids == null ? List.of() : new ArrayList<>(ids);
  }

  /** A map that forgets its oldest entry past {@code max}. */
  static <K, V> Map<K, V> bounded(int max) {
    return new LinkedHashMap<>() {
      private static final long serialVersionUID = 1L;

      @Override
      protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > max;
      }
    };
  }
}
