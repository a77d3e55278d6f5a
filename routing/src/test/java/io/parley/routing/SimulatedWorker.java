package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.WorkerMessage;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A worker in virtual time: continuous batching with a bounded prefill chunk, and a KV cache of
 * conversations and of a shared beginning. Its speeds are those of a small model on a small GPU.
 */
final class SimulatedWorker {
  private static final double ITERATION_MILLIS = 8;
  private static final double ROW_MILLIS = 0.25;
  private static final double PREFILL_TOKEN_MILLIS = 0.25; // 4,000 tokens a second
  private static final int PREFILL_CHUNK = 256;

  /**
   * A turn.
   *
   * @param user whose conversation it is; a user has one at a time
   * @param first whether it is its conversation's first
   * @param sharedTokens of the prompt, how many begin every conversation
   * @param historyTokens of the prompt, what is not new
   */
  record Turn(
      AttemptId id,
      int user,
      boolean first,
      int sharedTokens,
      int historyTokens,
      int newTokens,
      int answerTokens) {
    int promptTokens() {
      return historyTokens + newTokens;
    }
  }

  /** What became of a turn. */
  record Done(Turn turn, long firstTokenNanos, long endNanos, int cachedTokens) {}

  private static final class Running {
    final Turn turn;
    final int cached;
    int prefillLeft;
    int decodeLeft;
    long firstTokenNanos;

    Running(Turn turn, int cached) {
      this.turn = turn;
      this.cached = cached;
      this.prefillLeft = turn.promptTokens() - cached;
      this.decodeLeft = turn.answerTokens();
    }
  }

  final ActorRef<WorkerMessage> ref = Fixtures.workerRef();
  final int slots;
  private final double slowness;
  private final int cacheTokens;
  private final List<Running> running = new ArrayList<>();

  /** Tokens by conversation (its user), or by shared beginning (a negative key); LRU. */
  private final Map<Integer, Integer> cache = new LinkedHashMap<>(16, 0.75f, true);

  private int cached;
  private double firstTokenMillis;
  long slotNanos;

  SimulatedWorker(int slots, int cacheTokens, double slowness) {
    this.slots = slots;
    this.cacheTokens = cacheTokens;
    this.slowness = slowness;
  }

  int free() {
    return slots - running.size();
  }

  boolean isIdle() {
    return running.isEmpty();
  }

  double firstTokenMillis() {
    return firstTokenMillis;
  }

  /** Admits a turn; what its cache holds of it is not computed. */
  void start(Turn turn) {
    if (free() == 0) {
      throw new IllegalStateException("no slot");
    }
    int own = turn.first() ? 0 : cache.getOrDefault(turn.user(), 0);
    int shared = Math.min(turn.sharedTokens(), cache.getOrDefault(-1, 0));
    int known = Math.min(Math.max(own, shared), turn.promptTokens() - 1);
    running.add(new Running(turn, known));
  }

  /** Computes an iteration that begins now; {@link #complete} at its end. */
  Iteration iterate(long nowNanos) {
    int chunk = PREFILL_CHUNK;
    int rows = 0;
    int prefilled = 0;
    List<Running> first = new ArrayList<>();
    List<Running> ended = new ArrayList<>();
    for (Running sequence : running) {
      if (sequence.prefillLeft > 0) {
        int tokens = Math.min(chunk, sequence.prefillLeft);
        chunk -= tokens;
        prefilled += tokens;
        sequence.prefillLeft -= tokens;
        if (sequence.prefillLeft > 0 || tokens == 0) {
          continue;
        }
        first.add(sequence);
      }
      rows++;
      if (--sequence.decodeLeft <= 0) {
        ended.add(sequence);
      }
    }
    double millis =
        slowness * (ITERATION_MILLIS + rows * ROW_MILLIS + prefilled * PREFILL_TOKEN_MILLIS);
    long end = nowNanos + (long) (millis * 1e6);
    slotNanos += (end - nowNanos) * running.size();
    first.forEach(sequence -> sequence.firstTokenNanos = end);
    List<Done> done = new ArrayList<>();
    for (Running sequence : ended) {
      done.add(new Done(sequence.turn, sequence.firstTokenNanos, end, sequence.cached));
    }
    return new Iteration(end, done);
  }

  /** The iteration is over: what ended in it leaves its slot and stays in the cache. */
  void complete(Iteration iteration) {
    for (Done end : iteration.done()) {
      Turn turn = end.turn();
      running.removeIf(sequence -> sequence.turn.equals(turn));
      if (turn.sharedTokens() > 0) {
        remember(-1, turn.sharedTokens());
      }
      remember(turn.user(), turn.promptTokens() + turn.answerTokens());
    }
  }

  record Iteration(long endNanos, List<Done> done) {}

  void measuredFirstToken(double millis) {
    firstTokenMillis = firstTokenMillis == 0 ? millis : 0.8 * firstTokenMillis + 0.2 * millis;
  }

  private void remember(int key, int tokens) {
    Integer before = cache.put(key, tokens);
    cached += tokens - (before == null ? 0 : before);
    Iterator<Integer> eldest = cache.values().iterator();
    while (cached > cacheTokens && eldest.hasNext()) {
      cached -= eldest.next();
      eldest.remove();
    }
  }
}
