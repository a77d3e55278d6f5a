package io.parley.routing;

import io.parley.routing.protocol.TenantId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The requests for one encoder, from their admission to their answer: those that wait, in the
 * tenants' turns, and what all of them hold. Bounded by memory, because one text is no measure.
 *
 * <p>One tenant may use all of it. Then a tenant that holds less than its fair share still has
 * room, and all together hold at most twice as much.
 */
final class EmbeddingQueue {
  private final long bytesMax;
  private final FairLine<String, EmbeddingPart> line = new FairLine<>();
  private final Map<TenantId, Long> bytesOfTenants = new HashMap<>();
  private long bytes;

  EmbeddingQueue(long bytesMax) {
    this.bytesMax = bytesMax;
  }

  /** Takes a request in; false when there is no room. An empty queue has room for any. */
  boolean offer(EmbeddingPart part, long nowNanos) {
    if (!hasRoom(part)) {
      return false;
    }
    bytes += part.bytes;
    bytesOfTenants.merge(part.tenant(), part.bytes, Long::sum);
    line.add(part.tenant(), part.id(), part, nowNanos);
    return true;
  }

  private boolean hasRoom(EmbeddingPart part) {
    if (bytes == 0 || bytes + part.bytes <= bytesMax) {
      return true;
    }
    long own = bytesOfTenants.getOrDefault(part.tenant(), 0L);
    int tenants = bytesOfTenants.size() + (own == 0 ? 1 : 0);
    return own + part.bytes <= bytesMax / tenants && bytes + part.bytes <= 2 * bytesMax;
  }

  /** The request whose turn it is. */
  Optional<EmbeddingPart> peek() {
    return line.first().map(FairLine.Waiting::item);
  }

  /** Takes a request out of the line to hand it out; it goes on counting. */
  void take(EmbeddingPart part) {
    line.remove(part.tenant(), part.id());
    line.goBehind(part.tenant());
  }

  /** One that was handed out waits again. */
  void putBack(EmbeddingPart part, long nowNanos) {
    line.add(part.tenant(), part.id(), part, nowNanos);
  }

  /** Lets a request go, wherever it is. */
  void release(EmbeddingPart part) {
    line.remove(part.tenant(), part.id());
    bytes -= part.bytes;
    bytesOfTenants.computeIfPresent(
        part.tenant(), (tenant, own) -> own == part.bytes ? null : own - part.bytes);
  }

  /** How many wait. */
  int waiting() {
    return line.size();
  }

  /** All that wait. */
  List<EmbeddingPart> allWaiting() {
    return line.all(part -> true);
  }

  /** Whether nothing waits and nothing is handed out. */
  boolean isEmpty() {
    return bytes == 0;
  }
}
