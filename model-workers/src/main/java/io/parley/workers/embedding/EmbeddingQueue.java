package io.parley.workers.embedding;

import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.TenantId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The requests that a worker holds, from their admission to their answer. Bounded by the memory
 * that they take; tenants take turns, text by text, so that a large request holds nobody up for
 * longer than a batch. It knows no clock and no actor.
 */
final class EmbeddingQueue {
  /** Of a text beside its characters and its vector. */
  private static final int BYTES_OF_A_TEXT = 64;

  /** A request, how far it is, and its vectors so far. */
  static final class Held {
    private final EmbeddingRequest request;
    private final long bytes;
    private List<int[]> tokens = List.of();
    private float[][] vectors = {};
    private int given;
    private int done;

    private Held(EmbeddingRequest request, long bytes) {
      this.request = request;
      this.bytes = bytes;
    }

    EmbeddingRequest request() {
      return request;
    }

    /** Of all texts together. */
    int tokenCount() {
      return tokens.stream().mapToInt(text -> text.length).sum();
    }

    /** Takes a text's vector. */
    void put(int index, float[] vector) {
      vectors[index] = vector;
      done++;
    }

    /** The vectors of all texts, when they are there. */
    Optional<float[][]> complete() {
      return done == request.size() ? Optional.of(vectors) : Optional.empty();
    }
  }

  /** A text of a request. */
  record Slot(Held held, int index) {
    int[] tokens() {
      return held.tokens.get(index);
    }
  }

  private final long bytesMax;
  private final int dimensions;
  private final Map<String, Held> held = new LinkedHashMap<>();
  private final Map<TenantId, Long> bytesOfTenants = new HashMap<>();

  // tokenized ones, in the order of the tenants' turns; a tenant without any is not in it
  private final Map<TenantId, Deque<Held>> waiting = new LinkedHashMap<>();
  private long bytes;
  private long waitingTokens;

  /**
   * @param dimensions numbers in a vector
   */
  EmbeddingQueue(long bytesMax, int dimensions) {
    this.bytesMax = bytesMax;
    this.dimensions = dimensions;
  }

  /**
   * Takes a request in, unless there is no room. One tenant may use all of it; then a tenant that
   * holds less than its share still has room, and all together hold at most twice as much.
   *
   * @return empty when there is no room
   */
  Optional<Held> admit(EmbeddingRequest request) {
    long weight = weight(request);
    long own = bytesOfTenants.getOrDefault(request.tenant(), 0L);
    boolean fits = bytes + weight <= bytesMax || bytes == 0;
    if (!fits) {
      int tenants = bytesOfTenants.size() + (own == 0 ? 1 : 0);
      boolean withinShare = own + weight <= bytesMax / tenants;
      if (!withinShare || bytes + weight > 2 * bytesMax) {
        return Optional.empty();
      }
    }
    Held entry = new Held(request, weight);
    held.put(request.id(), entry);
    bytes += weight;
    bytesOfTenants.merge(request.tenant(), weight, Long::sum);
    return Optional.of(entry);
  }

  private long weight(EmbeddingRequest request) {
    long text =
        request instanceof EmbeddingRequest.Texts texts
            ? texts.texts().stream().mapToLong(String::length).sum() * Character.BYTES
            : ((EmbeddingRequest.Tokens) request)
                    .tokens().stream().mapToLong(ids -> ids.length).sum()
                * Integer.BYTES;
    return text + (long) request.size() * (BYTES_OF_A_TEXT + (long) dimensions * Float.BYTES);
  }

  /** Its texts may be computed from now on. Without effect when it is no longer held. */
  void ready(Held entry, List<int[]> tokens) {
    if (!isHeld(entry)) {
      return;
    }
    entry.tokens = tokens;
    entry.vectors = new float[tokens.size()][];
    waitingTokens += entry.tokenCount();
    waiting.computeIfAbsent(entry.request.tenant(), tenant -> new ArrayDeque<>()).add(entry);
  }

  /**
   * The next texts to compute: one of each tenant in turn, up to so many tokens, and one at least
   * where there is one.
   */
  List<Slot> next(int tokensMax) {
    List<Slot> batch = new ArrayList<>();
    int tokens = 0;
    while (!waiting.isEmpty()) {
      TenantId tenant = waiting.keySet().iterator().next();
      Deque<Held> own = waiting.get(tenant);
      Held first = own.element();
      int length = first.tokens.get(first.given).length;
      if (!batch.isEmpty() && tokens + length > tokensMax) {
        return batch;
      }
      batch.add(new Slot(first, first.given++));
      tokens += length;
      waitingTokens -= length;
      if (first.given == first.request.size()) {
        own.remove();
      }
      // its tenant had its turn
      waiting.remove(tenant);
      if (!own.isEmpty()) {
        waiting.put(tenant, own);
      }
    }
    return batch;
  }

  /** Lets a request go; false when it is not held. */
  boolean remove(Held entry) {
    if (!isHeld(entry)) {
      return false;
    }
    EmbeddingRequest request = entry.request;
    held.remove(request.id());
    bytes -= entry.bytes;
    bytesOfTenants.computeIfPresent(
        request.tenant(), (tenant, own) -> own == entry.bytes ? null : own - entry.bytes);
    Deque<Held> own = waiting.get(request.tenant());
    if (own != null && own.remove(entry)) {
      for (int i = entry.given; i < entry.tokens.size(); i++) {
        waitingTokens -= entry.tokens.get(i).length;
      }
      if (own.isEmpty()) {
        waiting.remove(request.tenant());
      }
    }
    return true;
  }

  Optional<Held> find(String id) {
    return Optional.ofNullable(held.get(id));
  }

  boolean isHeld(Held entry) {
    return held.get(entry.request.id()) == entry;
  }

  /** All requests, the oldest first. */
  List<Held> all() {
    return List.copyOf(held.values());
  }

  /** Tokens that wait to be computed. */
  long waitingTokens() {
    return waitingTokens;
  }
}
