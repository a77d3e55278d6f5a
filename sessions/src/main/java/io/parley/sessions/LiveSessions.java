package io.parley.sessions;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
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
  private final Map<K, Long> running = new LinkedHashMap<>();
  private final Map<K, Long> idle = new LinkedHashMap<>(); // oldest change first
  private final Map<K, Long> leaving = new LinkedHashMap<>();
  private long totalBytes;
  private long leavingBytes;

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
    (isIdle ? idle : running).put(session, bytes);
    makeRoom();
  }

  /** A session has left. */
  synchronized void remove(K session) {
    Long bytes = running.remove(session);
    if (bytes == null) {
      bytes = idle.remove(session);
    }
    if (bytes == null) {
      bytes = leaving.remove(session);
      leavingBytes -= bytes == null ? 0 : bytes;
    }
    totalBytes -= bytes == null ? 0 : bytes;
  }

  /** Whether nothing more may begin. */
  synchronized boolean isFull() {
    return totalBytes > budgetBytes;
  }

  /** An eighth of the budget is kept free, for what begins while others leave. */
  private void makeRoom() {
    Iterator<Map.Entry<K, Long>> oldestFirst = idle.entrySet().iterator();
    while (totalBytes - leavingBytes > budgetBytes / 8 * 7 && oldestFirst.hasNext()) {
      Map.Entry<K, Long> oldest = oldestFirst.next();
      oldestFirst.remove();
      leaving.put(oldest.getKey(), oldest.getValue());
      leavingBytes += oldest.getValue();
      leave.accept(oldest.getKey());
    }
  }
}
