package io.parley.sessions;

import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The sessions that are in this node's memory, and what they weigh together. When they come near
 * the budget, idle ones are asked to leave, the one that changed longest ago first; past the budget
 * nothing new begins on this node. Soft: each session reports itself when it is recovered.
 *
 * @param <K> what a session is told by; thread-safe, since all sessions of a node share it
 */
final class LiveSessions<K> {
  /** The actor, its timers and its place in the shard, for a session without a word. */
  static final long ENTITY_BYTES = 8 << 10;

  private final long budgetBytes;
  private final Consumer<K> leave;
  private final Map<K, Weight> sessions = new HashMap<>();
  private final Set<K> idle = new LinkedHashSet<>(); // oldest change first; none that leaves
  private long totalBytes;
  private long leavingBytes;

  private record Weight(long bytes, boolean leaving) {}

  /**
   * @param leave asks an idle session to leave; called under this object's lock
   */
  LiveSessions(long budgetBytes, Consumer<K> leave) {
    this.budgetBytes = budgetBytes;
    this.leave = leave;
  }

  /** A session was recovered or has changed. */
  synchronized void update(K session, long stateBytes, boolean isIdle) {
    remove(session);
    long bytes = stateBytes + ENTITY_BYTES;
    totalBytes += bytes;
    sessions.put(session, new Weight(bytes, false));
    if (isIdle) {
      idle.add(session);
    }
    makeRoom();
  }

  /** A session has left. */
  synchronized void remove(K session) {
    Weight weight = sessions.remove(session);
    if (weight == null) {
      return;
    }
    idle.remove(session);
    totalBytes -= weight.bytes();
    leavingBytes -= weight.leaving() ? weight.bytes() : 0;
  }

  /** Whether nothing more may begin. */
  synchronized boolean isFull() {
    return totalBytes > budgetBytes;
  }

  /** An eighth of the budget is kept free, for what begins while others leave. */
  private void makeRoom() {
    Iterator<K> oldestFirst = idle.iterator();
    while (totalBytes - leavingBytes > budgetBytes / 8 * 7 && oldestFirst.hasNext()) {
      K oldest = oldestFirst.next();
      oldestFirst.remove();
      long bytes = sessions.get(oldest).bytes();
      sessions.put(oldest, new Weight(bytes, true));
      leavingBytes += bytes;
      leave.accept(oldest);
    }
  }
}
